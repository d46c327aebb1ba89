"""Walks through a folder: one rule for every command. Linked folders are followed, each folder once."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

# The suffixes of recordings. They stand here and not in `audio`, which takes time to import.
FILE_SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".w64", ".caf", ".au")


def walk_files(folder: Path, unreadable: Callable[[OSError], None] | None = None) -> Iterator[Path]:
    """Yield every file below `folder` in the order of the walk, hidden ones included.

    Links to folders are followed. A folder that was visited already, as through a link to one of its parents, is not
    visited again. `unreadable` is told of each folder that cannot be listed.
    """
    seen: set[str] = set()
    for parent, folders, names in os.walk(folder, onerror=unreadable, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()  # so that of two links to one folder, the same one is followed in every run
        for name in sorted(names):
            yield Path(parent, name)


def hidden(file: Path, folder: Path) -> bool:
    """Return whether the name of a file, or of a folder between it and `folder`, begins with a dot (as `._x.wav`)."""
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def is_utf8(path: Path) -> bool:
    """Return whether the name of a file is UTF-8. Linux allows any bytes; Python holds others as surrogates."""
    try:
        return bool(str(path).encode())
    except UnicodeEncodeError:
        return False
