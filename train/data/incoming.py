"""Take a recording into a dataset, byte by byte: from a browser, a microphone or a program.

It is written beside its place under a hidden name, decoded to its end there, and moved when it is whole and sound. It
replaces nothing and is named like no other recording: label files name recordings without their folders, so that a
second `door.wav` would take the labels of the first.
"""

import filecmp
import os
import re
import tempfile
import threading
import time
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from stapes.firmware_sim.errors import AudioError, ConfigError, OutputError
from stapes.firmware_sim.outputs import DISK_IS_FULL
from stapes.runtime.audio import AudioFile
from stapes.runtime.audio.kinds import READ, UNREAD_SUFFIXES, how_to_convert
from stapes.runtime.labels.names import is_audio, same_form
from stapes.runtime.walk import FILE_SUFFIXES, hidden, walk_files
from stapes.train.data.findings import Findings
from stapes.train.data.label_sources import table_in
from stapes.train.data.parts import SPLITS

LARGEST_BYTES = 4 << 30  # 6 hours in stereo at 48 kHz and 16 bits, and as much as the header of a WAV can state
_LONGEST_NAME_BYTES = 120  # file systems take 255; what is derived from a name is longer than the name
_ABANDONED_S = 3600.0  # a draft that did not grow for so long belongs to a program that was killed
_DRAFT = ".incoming-"
_placing = threading.Lock()  # so that of two recordings that arrive at once, the second sees the name of the first
_UNSAFE = re.compile(r'[<>:"|?*\\/]')  # not allowed in names by some file systems


@dataclass(frozen=True)
class Added:
    """A recording that was taken into a dataset, or that was there already, byte for byte."""

    recording: str  # its path relative to the dataset, with slashes
    is_new: bool
    note: str = ""  # what the user should know about it, in one sentence


class IncomingRecording:
    """A recording that is being received. What was not finished leaves nothing behind.

    name: what the file is called where it comes from; characters that are no part of a safe file name are replaced.
    session: the folder below the dataset. The recordings of one folder are one group, and never split between training
    and judgement, so that a session is a place or a day. In a dataset with a folder train/ it lies there.

    Raises ConfigError for a name or a session that cannot be used, AudioError for what is no sound recording or larger
    than LARGEST_BYTES, and OutputError when it cannot be written.

    >>> with IncomingRecording(Path("recordings"), "door.wav", "kitchen") as incoming:
    ...     incoming.write(block)
    ...     added = incoming.finish()
    """

    def __init__(self, dataset: Path, name: str, session: str) -> None:
        self._dataset, self._name = dataset, recording_name(name)
        self._top = dataset / "train" if (dataset / "train").is_dir() else dataset
        self._folder = self._top / session_name(session)
        self._size = 0
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(self._folder)
            handle, draft = tempfile.mkstemp(Path(self._name).suffix, _DRAFT, self._folder)
        except OSError as error:
            raise self._cannot_write(error) from error
        self._draft, self._file = Path(draft), os.fdopen(handle, "wb")

    def __enter__(self) -> "IncomingRecording":
        """Return the recording itself."""
        return self

    def __exit__(self, _type: type | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        """Remove what was not finished."""
        with suppress(OSError):  # of a disk that is full; the draft goes all the same
            self._file.close()
        with suppress(OSError):
            self._draft.unlink(missing_ok=True)
            self._folder.rmdir()  # fails when it holds something, as it should

    def write(self, block: bytes) -> None:
        """Append the next bytes of the file."""
        self._size += len(block)
        if self._size > LARGEST_BYTES:
            raise AudioError(
                f"{self._name}: larger than {LARGEST_BYTES >> 30} GiB; cut it into parts, or copy it to "
                f"{self._folder} yourself"
            )
        try:
            self._file.write(block)
        except OSError as error:
            raise self._cannot_write(error) from error

    def finish(self) -> Added:
        """Decode what was received to its end, and move it to its place."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._require_sound()
            with _placing:
                return self._place()
        except OSError as error:
            raise self._cannot_write(error) from error

    def _place(self) -> Added:
        there = [file for file in walk_files(self._dataset) if not hidden(file, self._dataset)]
        known = next((each for each in there if self._is_same_as(each)), None)
        if known is not None:
            return Added(known.relative_to(self._dataset).as_posix(), is_new=False)
        place = self._free_place({_stem(file) for file in there})
        self._draft.chmod(0o644)
        os.replace(self._draft, place)
        table = table_in(self._top, Findings()) or table_in(self._dataset, Findings())
        note = f"Until it is labelled it counts as free of events, because there is a {table.name}." if table else ""
        return Added(place.relative_to(self._dataset).as_posix(), is_new=True, note=note)

    def _require_sound(self) -> None:
        """Raise AudioError unless every sample can be read."""
        try:
            file = AudioFile(self._draft, 1)  # the rate does not matter: nothing is converted
            if file.duration_s == 0:
                raise AudioError(f"{self._draft}: contains no samples; record it again")
            for _ in file.samples():
                pass
        except AudioError as error:
            text = str(error).replace(str(self._draft), self._name)
            raise AudioError(text.replace(self._draft.stem, Path(self._name).stem)) from None

    def _is_same_as(self, file: Path) -> bool:
        return is_audio(file.name) and file.stat().st_size == self._size and filecmp.cmp(file, self._draft, False)

    def _free_place(self, taken: set[str]) -> Path:
        """Return a path that no file had, now held by an empty file, whose name differs from `taken` in the stem."""
        stem, suffix = os.path.splitext(self._name)
        number = 1
        while True:
            place = self._folder / (f"{stem}-{number}{suffix}" if number > 1 else self._name)
            number += 1
            if _stem(place) in taken:
                continue
            with suppress(FileExistsError):
                os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                return place

    def _cannot_write(self, error: OSError) -> OutputError:
        advice = "make room and try again" if error.errno in DISK_IS_FULL else "check the permissions of the folder"
        return OutputError(f"{self._folder / self._name}: cannot be written: {error.strerror or error}; {advice}")


def recording_name(name: str) -> str:
    """Return a safe file name for a recording that is called `name` elsewhere. Raises ConfigError when it has none.

    >>> recording_name("C:\\\\fakepath\\\\..\\\\my door?.WAV")
    'my door_.WAV'
    """
    base = _plain(name.replace("\\", "/").rsplit("/", 1)[-1])
    stem, suffix = os.path.splitext(base)
    if base.lower().endswith(UNREAD_SUFFIXES):
        raise ConfigError(f"{base}: stapes reads {READ}; convert it, for example: {how_to_convert(base)}")
    if not is_audio(base):
        raise ConfigError(
            f"{base or repr(name)}: not the name of a recording; stapes reads {READ} ({' '.join(FILE_SUFFIXES)})"
        )
    return (_shortened(stem) or "recording") + suffix


def session_name(session: str) -> str:
    """Return a safe name for the folder of a session. Raises ConfigError when it has none, or is one of a split."""
    name = _shortened(_plain(session))
    if not name:
        raise ConfigError(f"session {session!r}: no name of a folder; name the place or the day, such as kitchen")
    if name.casefold() in SPLITS:
        raise ConfigError(
            f"session {name!r}: the folders {', '.join(SPLITS)} say which recordings train and which judge; "
            "name the place or the day, such as kitchen"
        )
    return name


def _plain(text: str) -> str:
    """Return a name without control characters, without what file systems refuse, and without dots at its begin."""
    text = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())
    text = "".join(each if each.isprintable() else " " for each in text)
    return " ".join(_UNSAFE.sub("_", text).split()).lstrip(". ").rstrip(". ")


def _shortened(text: str) -> str:
    return text.encode()[:_LONGEST_NAME_BYTES].decode("utf-8", "ignore").rstrip(". ")


def _stem(file: Path) -> str:
    """Return what two files must not have in common for a label file to tell them apart, on every file system."""
    return same_form(file.stem).casefold()


def _remove_abandoned(folder: Path) -> None:
    """Remove the drafts that a killed program left behind."""
    for draft in folder.glob(f"{_DRAFT}*"):
        with suppress(OSError):
            if time.time() - draft.stat().st_mtime > _ABANDONED_S:
                draft.unlink()
