"""Which recordings a folder holds: a local one, or any that fsspec can read (s3://bucket/2024)."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stapes.firmware_sim.errors import AudioError, ToolchainError
from stapes.runtime.audio import FILE_SUFFIXES


@dataclass(frozen=True)
class RecordingFile:
    """A file that should be a recording."""

    name: str  # relative to the folder, with /
    place: str  # absolute path, or URL
    size: int  # bytes
    modified: str  # time or tag of the last change, to see that it is still the same file; "" where nobody knows


def is_url(folder: str) -> bool:
    """Whether fsspec must read it."""
    return "://" in folder


def list_recordings(folder: str) -> tuple[list[RecordingFile], list[str]]:
    """Every audio file below `folder`, by name, and a sentence for every folder that could not be read.

    Files that begin with a dot are left out. AudioError when there is no such folder or it holds no recording.
    """
    problems: list[str] = []
    found = sorted(_remote(folder) if is_url(folder) else _local(Path(folder), problems), key=lambda each: each.name)
    if not found:
        raise AudioError("; ".join([f"{folder}: no recordings in it ({', '.join(FILE_SUFFIXES)})", *problems]))
    return found, problems


def _local(folder: Path, problems: list[str]) -> Iterator[RecordingFile]:
    def unreadable(error: OSError) -> None:
        problems.append(f"{error.filename}: cannot be listed ({error.strerror}); check the permissions")

    top = folder.absolute()
    seen: set[str] = set()
    for parent, folders, names in os.walk(top, onerror=unreadable, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:  # a link to a folder above or beside it
            folders.clear()
            continue
        seen.add(real)
        folders.sort()  # so that it is always the same one of two links that counts
        for name in filter(_is_recording, names):
            path = Path(parent, name)
            if not _is_text(str(path)):
                problems.append(f"{str(path)!r}: its name is not UTF-8; rename it")
                continue
            try:
                status = path.stat()
            except OSError as error:
                problems.append(f"{path}: cannot be read ({error.strerror})")
                continue
            yield RecordingFile(path.relative_to(top).as_posix(), str(path), status.st_size, str(status.st_mtime_ns))


def _remote(folder: str) -> Iterator[RecordingFile]:
    files, top = filesystem_of(folder)
    try:
        listing = files.find(top, detail=True)
    except Exception as error:  # each file system has errors of its own
        raise AudioError(f"{folder}: cannot be listed ({reason(error)})") from error
    for path, details in listing.items():
        if _is_recording(path.rsplit("/", 1)[-1]):
            modified = next((str(details[key]) for key in ("ETag", "LastModified", "mtime") if details.get(key)), "")
            name = path.removeprefix(top).lstrip("/")
            yield RecordingFile(name, files.unstrip_protocol(path), int(details.get("size") or 0), modified)


def filesystem_of(url: str) -> tuple[Any, str]:
    """Return fsspec's file system and the path in it; ToolchainError without the package that the URL needs."""
    try:
        from fsspec.core import url_to_fs

        files, path = url_to_fs(url)
    except (ImportError, ValueError) as error:
        needed = "'stapes[s3]'" if url.startswith("s3://") else "fsspec and what it names"
        raise ToolchainError(f"{url}: cannot be read here ({error}); `pip install {needed}`") from error
    return files, str(path)


def fetch(found: RecordingFile, path: Path) -> None:
    """Copy a recording behind a URL to `path`. AudioError when it does not come."""
    files, remote = filesystem_of(found.place)
    try:
        files.get_file(remote, str(path))
    except Exception as error:  # each file system has errors of its own
        raise AudioError(f"cannot be fetched ({reason(error)})") from error


def reason(error: Exception) -> str:
    """What went wrong, without the number and the file name that an OSError puts around it."""
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__


def _is_text(name: str) -> bool:
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def _is_recording(name: str) -> bool:
    return name.lower().endswith(FILE_SUFFIXES) and not name.startswith(".")
