"""Marks inside of a WAV: cue points and regions with their labels, as editors and field recorders store them.

A cue chunk holds the positions; a LIST chunk of type adtl names them (labl) and gives regions their lengths (ltxt). The
chunks are those of "Multimedia Programming Interface and Data Specifications 1.0" (1991).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from stapes.firmware_sim.errors import LabelError, StapesError
from stapes.runtime.labels.annotation import MAX_LABEL_BYTES, Annotation, Problems

_CUE_BYTES = 24


@dataclass
class _Marks:
    """What the chunks of a file say, by the number of each cue point."""

    rate_hz: int = 0
    samples: dict[int, int] = field(default_factory=dict)  # position from the beginning of the sound
    lengths: dict[int, int] = field(default_factory=dict)  # in samples; only of regions
    labels: dict[int, str] = field(default_factory=dict)


def read_wav_marks(path: Path, collected: list[StapesError] | None = None) -> dict[str, list[Annotation]]:
    """Return file name -> the marks inside of a WAV, in the order of time: regions, and points without a length.

    A mark without a text has the label "". Raises LabelError for a file without marks, which need not be free of
    events, and for damaged ones, or puts it into `collected`.
    """
    problems = Problems(collected)
    try:
        marks = _marks(path)
        if not marks.samples:
            raise LabelError(
                f"{path}: holds no marks (cue chunk), which does not mean that it has no events; label it, or leave it "
                "out"
            )
    except LabelError as error:
        problems.keep(error)
        return {}
    events = []
    for number, sample in marks.samples.items():
        onset, length = sample / marks.rate_hz, marks.lengths.get(number, 0) / marks.rate_hz
        place = f"{path}: mark {number}"
        events.append(Annotation(onset, onset + length, marks.labels.get(number, ""), place=place))
    return {path.name: sorted(events, key=lambda each: (each.onset, each.offset, each.label))}


def has_wav_marks(path: Path) -> bool:
    """Return whether a recording is a WAV with marks inside that can be read."""
    try:
        return bool(_marks(path).samples)
    except LabelError:
        return False


def _marks(path: Path) -> _Marks:
    marks = _Marks()
    try:
        with path.open("rb") as file:
            if file.read(4) != b"RIFF" or file.read(8)[4:] != b"WAVE":
                raise LabelError(f"{path}: is not a WAV, so its marks cannot be read; export them as a label track")
            for name, body in _chunks(path, file):
                _take(path, name, body, marks)
    except OSError as error:
        raise LabelError(f"{path}: cannot be read ({error.strerror}); check the name and the permissions") from error
    if marks.samples and not marks.rate_hz:
        raise LabelError(f"{path}: has marks but no sample rate (chunk fmt); write it again")
    return marks


def _chunks(path: Path, file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of each chunk that matters here; behind a sound of false length none is found."""
    size, at = path.stat().st_size, 12
    while at + 8 <= size:
        file.seek(at)
        name, length = struct.unpack("<4sI", file.read(8))
        if name in (b"fmt ", b"cue ", b"LIST"):
            if at + 8 + length > size or length > MAX_LABEL_BYTES:
                raise LabelError(f"{path}: its chunk {name.decode()!r} is cut off; copy it again, or leave it out")
            yield name, file.read(length)
        at += 8 + length + length % 2


def _take(path: Path, name: bytes, body: bytes, marks: _Marks) -> None:
    if name == b"fmt " and len(body) >= 8:
        (marks.rate_hz,) = struct.unpack_from("<I", body, 4)
    elif name == b"cue ":
        for at in range(4, len(body) - _CUE_BYTES + 1, _CUE_BYTES):
            number, position, _, _, _, offset = struct.unpack_from("<II4sIII", body, at)
            if offset and position and offset != position:  # some programs fill in only one of the two
                raise LabelError(
                    f"{path}: mark {number} lies at sample {position} or at {offset}, which is not clear (a playlist, "
                    "or silence that is not stored); open it in the program that set the marks, and export them as a "
                    "label track"
                )
            marks.samples[number] = position or offset
    elif name == b"LIST" and body[:4] == b"adtl":
        _take_texts(path, body, marks)


def _take_texts(path: Path, body: bytes, marks: _Marks) -> None:
    at = 4
    while at + 12 <= len(body):
        name, length, number = struct.unpack_from("<4sII", body, at)
        content = body[at + 12 : at + 8 + length]
        if name == b"labl":
            marks.labels[number] = _text(path, number, content)
        elif name == b"ltxt" and len(content) >= 4:
            (marks.lengths[number],) = struct.unpack_from("<I", content)
            if text := _text(path, number, content[16:]):  # behind the length: purpose, country, language, code page
                marks.labels.setdefault(number, text)
        at += 8 + length + length % 2


def _text(path: Path, number: int, content: bytes) -> str:
    try:
        return " ".join(content.split(b"\0")[0].decode("utf-8").split())
    except UnicodeDecodeError:
        raise LabelError(
            f"{path}: the text of mark {number} is not UTF-8; open it in the program that set the marks, and export "
            "them as a label track"
        ) from None
