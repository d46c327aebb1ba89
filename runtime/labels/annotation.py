"""Shared by all label formats: the annotation, reading a file as text, and parsing times."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stapes.firmware_sim.errors import LabelError, StapesError

MAX_LABEL_BYTES = 64 * 1024 * 1024  # about a million rows; a larger file is not a label file
LONGEST_S = 1e9  # 31 years; a time beyond it is not one of a recording
_CLOCK = re.compile(r"(?:(\d{1,6}):)?(\d{1,2}):(\d{1,2}(?:[.,]\d*)?)", re.ASCII)  # 1:02:03.5 or 2:03.5
_DECIMAL = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class Annotation:
    """One labelled event. A point label has onset == offset; an empty label comes from a row without text."""

    onset: float  # seconds
    offset: float  # seconds, at least onset
    label: str
    confidence: float | None = None  # of detected events only, 0 to 1
    columns: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)  # the row's other columns
    place: str = field(default="", compare=False, repr=False)  # file:line


class Problems:
    """Raises the first error of a label file, or collects all of them in a list.

    >>> problems = Problems(collected := [])
    >>> problems.add("a.txt:3", "onset 'x' is not a number")
    >>> str(collected[0])
    "a.txt:3: onset 'x' is not a number"
    """

    def __init__(self, collected: list[StapesError] | None = None) -> None:
        self._collected = collected

    def add(self, place: str, text: str) -> None:
        """Raise a LabelError, or collect it when a list was given."""
        self.keep(LabelError(f"{place}: {text}"))

    def keep(self, error: StapesError) -> None:
        """Raise `error`, or collect it when a list was given."""
        if self._collected is None:
            raise error
        self._collected.append(error)

    def lines(self, path: Path) -> list[str]:
        """Return the lines of a label file; [] when it cannot be read and a list was given."""
        try:
            return read_lines(path)
        except LabelError as error:
            self.keep(error)
            return []


def read_lines(path: Path) -> list[str]:
    """Return the lines of a label file, which may have a byte-order mark and any kind of line end.

    Raises LabelError for a file that cannot be read, is larger than MAX_LABEL_BYTES, or is not UTF-8.
    """
    try:
        size = path.stat().st_size
        if size > MAX_LABEL_BYTES:
            raise LabelError(
                f"{path}: {size / 1e6:.0f} MB is too large for a label file (at most {MAX_LABEL_BYTES / 1e6:.0f} "
                "MB); split it, or move it away if it is another kind of file"
            )
        data = path.read_bytes()
    except OSError as error:
        raise LabelError(f"{path}: cannot be read ({error.strerror}); check the name and the permissions") from error
    return lines_of(path, data)


def lines_of(path: Path, data: bytes) -> list[str]:
    """Return the lines of the content of a label file. Raises LabelError, as `read_lines`, when it is not UTF-8."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        kind = "UTF-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "another encoding"
        raise LabelError(f"{path}:{line}: the file is not UTF-8 but {kind}; save it again as UTF-8") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise LabelError(
            f"{path}:{line}: the line contains zero bytes, so this is not a text file; save it again as UTF-8"
        )
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def parse_number(text: str, what: str, place: str) -> float:
    """Return a decimal number written with a point or a comma. Raises LabelError, which names `what` and `place`."""
    text = text.strip()
    number = float(text.replace(",", ".")) if _DECIMAL.fullmatch(text) else math.nan
    if not math.isfinite(number):  # 1e999 is a decimal number, but infinite as a float
        raise LabelError(f"{place}: {what} {text!r} is not a number; correct the row or delete it")
    return number


def parse_seconds(text: str, what: str, place: str) -> float:
    """Return seconds written as a decimal number, as h:mm:ss or as m:ss.

    Raises LabelError, which names `what` and `place`, for anything else.
    """
    clock = _CLOCK.fullmatch(text.strip())
    if clock is None:
        return parse_number(text, what, place)
    hours, minutes, seconds = int(clock[1] or 0), int(clock[2]), float(clock[3].replace(",", "."))
    if seconds >= 60 or (clock[1] and minutes >= 60):
        raise LabelError(f"{place}: {what} {text.strip()!r} has more than 59 minutes or seconds; write it as h:mm:ss")
    return 3600 * hours + 60 * minutes + seconds


def parse_times(onset: str, offset: str, place: str) -> tuple[float, float]:
    """Return onset and offset in seconds, which are decimal numbers or h:mm:ss.

    Raises LabelError when one is neither, and as `check_times` does.
    """
    return check_times(parse_seconds(onset, "onset", place), parse_seconds(offset, "offset", place), place)


def check_times(begin: float, end: float, place: str) -> tuple[float, float]:
    """Return onset and offset in seconds unchanged.

    Raises LabelError when the onset is negative, the offset lies before the onset, or is larger than LONGEST_S.
    """
    if begin < 0:
        raise LabelError(f"{place}: onset {begin:g} s lies before the recording begins; correct the row or delete it")
    if end < begin:
        raise LabelError(f"{place}: onset {begin:g} s is after offset {end:g} s; swap them or delete the row")
    if end > LONGEST_S:
        raise LabelError(f"{place}: offset {end:g} s lies behind the end of any recording; correct it in seconds")
    return begin, end


def plain(text: str, forbidden: str = "\t\r\n") -> str:
    """Return a label or a file name unchanged. Raises LabelError when it contains a forbidden character."""
    if any(character in text for character in forbidden):
        raise LabelError(f"{text!r} contains a tab or a line end, which this format cannot hold; choose another name")
    return text


def duplicates(annotations: Iterable[Annotation]) -> list[Annotation]:
    """Return the annotations that repeat an earlier one: equal label, and onset and offset equal to the microsecond."""
    seen: set[tuple[int, int, str]] = set()
    repeated = []
    for annotation in annotations:
        key = (round(annotation.onset * 1e6), round(annotation.offset * 1e6), annotation.label)
        if key in seen:
            repeated.append(annotation)
        seen.add(key)
    return repeated


def overlapping(annotations: Sequence[Annotation]) -> list[tuple[Annotation, Annotation]]:
    """Return pairs (earlier, later) of equal label in which the later begins before the earlier ends."""
    pairs = []
    latest: dict[str, Annotation] = {}
    for annotation in sorted(annotations, key=lambda each: (each.onset, each.offset)):
        earlier = latest.get(annotation.label)
        if earlier is not None and annotation.onset < earlier.offset:
            pairs.append((earlier, annotation))
        if earlier is None or annotation.offset > earlier.offset:
            latest[annotation.label] = annotation
    return pairs
