"""Results on disk: written beside their place and moved there when they are whole; an old one is kept until then.

For an output `x`, `.x.new` is a draft and may be removed at any time. `.x.old` is a whole folder that stood at `x`
before; it exists only while a new one takes its place. A command that was killed leaves one of the two at most behind,
and the next command that writes `x` puts that right.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from stapes.firmware_sim.errors import OutputError

DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Mark:
    """The file by which a command recognizes a folder that it wrote itself, and a text that this file contains."""

    file: str
    text: str = ""

    def is_in(self, folder: Path) -> bool:
        """Return whether the command wrote this folder."""
        try:
            return self.text in (folder / self.file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return False


def require_new(path: Path, force: bool) -> None:
    """Raise OutputError when `path` exists and `force` is not set, or when its parent folder does not exist."""
    if path.exists() and not force:
        raise OutputError(f"{path} exists already; choose another name, or replace it with --force")
    if not path.absolute().parent.is_dir():
        raise OutputError(f"{path.absolute().parent} does not exist; make it first")


def require_new_file(path: Path, force: bool) -> None:
    """Raise OutputError as `require_new` does, and when `path` is a folder, which no file ever replaces."""
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name a file in it")
    require_new(path, force)


def require_new_folder(path: Path, force: bool, mark: Mark) -> None:
    """Raise OutputError as `require_new` does, and when `path` exists but does not hold the command's mark.

    A folder that a killed command had moved aside is put back first.
    """
    place = path.resolve()
    try:
        _recover(place, mark)
    except OSError as error:
        raise _cannot_write(path, error) from error
    require_new(path, force)
    if Path.cwd().is_relative_to(place):
        raise OutputError(f"{path} is the current folder, which cannot be replaced; run this from another folder")
    if path.exists() and not mark.is_in(path):
        raise OutputError(
            f"{path} holds no {mark.file} that this command wrote, so it is not replaced; choose another name"
        )


def write_whole(path: Path, text: str) -> None:
    """Write a text file as UTF-8, whole or not at all. Raises OutputError when that is impossible."""
    with new_file(path) as draft:
        draft.write_text(text, encoding="utf-8")


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield the path of a draft to write; after the block it takes the place of `path`, also when `path` exists.

    After an exception `path` is as before. Every OSError in the block is raised as OutputError.
    """
    place = path.resolve()
    draft = _draft(place)
    try:
        yield draft
        os.replace(draft, place)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path, *, force: bool, mark: Mark) -> Iterator[Path]:
    """Yield an empty draft folder; after the block it takes the place of `path`.

    With `force` it replaces an existing folder that holds `mark`, and never any other. After an exception `path` is as
    before. Raises OutputError as `require_new_folder` does, and when the disk is full or the folder cannot be written.
    """
    require_new_folder(path, force, mark)
    place = path.resolve()
    draft = _draft(place)
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        yield draft
        _move_into_place(draft, place)
    except OSError as error:
        if not _comes_from_writing(error, place):
            raise
        raise _cannot_write(path, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def interrupted(path: Path) -> Path | None:
    """Return the folder that a killed command moved aside and did not replace, if there is one."""
    aside = _aside(path.resolve())
    return aside if aside.is_dir() and not path.exists() else None


def _draft(place: Path) -> Path:
    return place.with_name(f".{place.name}.new")


def _aside(place: Path) -> Path:
    return place.with_name(f".{place.name}.old")


def _move_into_place(draft: Path, place: Path) -> None:
    """Exchange the folders: the older one ends as the draft, so that `.x.old` is whole at every moment."""
    if not place.exists():
        os.replace(draft, place)
        return
    aside = _aside(place)
    try:
        os.replace(place, aside)
        os.replace(draft, place)
    except BaseException:
        if not place.exists():
            os.replace(aside, place)
        raise
    os.replace(aside, draft)


def _recover(place: Path, mark: Mark) -> None:
    """After a kill amid `_move_into_place`: put the older folder back, or remove it where the newer one stands."""
    aside = _aside(place)
    if not mark.is_in(aside):
        return
    if not place.exists():
        os.replace(aside, place)
    elif mark.is_in(place):
        shutil.rmtree(_draft(place), ignore_errors=True)
        os.replace(aside, _draft(place))
        shutil.rmtree(_draft(place))


def _comes_from_writing(error: OSError, place: Path) -> bool:
    """Return whether the folder could not be written or moved; a recording that cannot be read is another matter."""
    draft = _draft(place)
    if error.errno in DISK_IS_FULL:
        return True
    named = {Path(str(name)) for name in (error.filename, error.filename2) if name is not None}
    return any(path.is_relative_to(draft) or path == _aside(place) for path in named)


def _cannot_write(path: Path, error: OSError) -> OutputError:
    advice = "make room and run again" if error.errno in DISK_IS_FULL else "choose another place"
    return OutputError(f"{path}: cannot be written: {error.strerror or error}; {advice}")
