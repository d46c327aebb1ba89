"""Lists the recordings of a folder: a local one, or one that fsspec can read (s3://bucket/2024)."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stapes.firmware_sim.errors import AudioError, ToolchainError
from stapes.runtime.audio.kinds import UNREAD_SUFFIXES, note_of_unread
from stapes.runtime.labels.names import is_audio
from stapes.runtime.walk import FILE_SUFFIXES, is_utf8, walk_files

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecordingFile:
    """A file that has the suffix of an audio file."""

    name: str  # relative to the folder, with / between its parts
    place: str  # absolute path, or URL
    size: int  # bytes
    modified: str  # time or tag of the last change, which shows that a file was changed; "" when unknown


def is_url(folder: str) -> bool:
    """Return whether a folder is given as a URL, which fsspec reads."""
    return "://" in folder


def list_recordings(folder: str) -> tuple[list[RecordingFile], list[str]]:
    """Return every audio file below `folder`, sorted by name, and a sentence for each part that could not be read.
    Audio of kinds that are not read is logged, with the command that converts it.

    Files whose names begin with a dot are left out. Raises AudioError when there is no such folder and when it contains
    no recording.
    """
    problems: list[str] = []
    files = sorted(_remote(folder) if is_url(folder) else _local(Path(folder), problems), key=lambda each: each.name)
    found = [each for each in files if is_audio(each.name)]
    others = [each.name for each in files if not is_audio(each.name)]
    if not found:
        raise AudioError(
            "; ".join(
                [
                    f"{folder}: there are no recordings in it ({', '.join(FILE_SUFFIXES)})",
                    *([note_of_unread(others)] if others else []),
                    *problems,
                ]
            )
        )
    if others:
        logger.warning(note_of_unread(others))
    return found, problems


def _local(folder: Path, problems: list[str]) -> Iterator[RecordingFile]:
    def unreadable(error: OSError) -> None:
        problems.append(f"{error.filename}: cannot be listed ({error.strerror}); check the permissions")

    top = folder.absolute()
    for path in walk_files(top, unreadable):
        if not _is_listed(path.name):
            continue
        if not is_utf8(path):
            problems.append(f"{str(path)!r}: the name is not UTF-8; rename the file")
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
        if _is_listed(path.rsplit("/", 1)[-1]):
            modified = next((str(details[key]) for key in ("ETag", "LastModified", "mtime") if details.get(key)), "")
            name = path.removeprefix(top).lstrip("/")
            yield RecordingFile(name, files.unstrip_protocol(path), int(details.get("size") or 0), modified)


def filesystem_of(url: str) -> tuple[Any, str]:
    """Return fsspec's file system for a URL and the path in it.

    Raises ToolchainError when a package that the URL needs is not installed.
    """
    try:
        from fsspec.core import url_to_fs

        files, path = url_to_fs(url)
    except (ImportError, ValueError) as error:
        needed = "'stapes[s3]'" if url.startswith("s3://") else "fsspec and the package that it asks for"
        raise ToolchainError(f"{url}: cannot be read here ({error}): pip install {needed}") from error
    return files, str(path)


def fetch(found: RecordingFile, path: Path) -> None:
    """Copy a recording behind a URL to `path`. Raises AudioError when that fails."""
    files, remote = filesystem_of(found.place)
    try:
        files.get_file(remote, str(path))
    except Exception as error:  # each file system has errors of its own
        raise AudioError(f"cannot be fetched ({reason(error)})") from error


def reason(error: Exception) -> str:
    """Return the message of an error, without the number and the file name that an OSError adds."""
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__


def _is_listed(name: str) -> bool:
    """Return whether a file is audio, of whatever kind, and not hidden."""
    return name.lower().endswith((*FILE_SUFFIXES, *UNREAD_SUFFIXES)) and not name.startswith(".")
