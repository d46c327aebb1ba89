"""Finds out when a recording began, from its file name or from the metadata in the WAV file.

Three conventions are understood: GUANO (bat detectors; a chunk `guan`), AudioMoth's comment (LIST/INFO/ICMT) and the
Broadcast Wave extension (a chunk `bext`). The start is converted to UTC once, and events count seconds from it, so a
recording that goes over midnight or over a change of the clocks needs no special case.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from stapes.firmware_sim.errors import ConfigError

_DIGITS = {"Y": 4, "y": 2, "m": 2, "d": 2, "j": 3, "H": 2, "M": 2, "S": 2}
_OTHERS = {"f": r"\d{1,6}", "z": r"(?:Z|[+-]\d\d:?\d\d)", "%": "%"}
FIRST_YEAR, LAST_YEAR = 1900, 9998  # of a recording; old ones may have been digitized with their dates
_MOST_BYTES = 1 << 20  # at most this much of a metadata chunk is read
_GUANO = re.compile(
    r"^\s*Timestamp\s*:\s*(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?) ?(Z|[+-]\d\d(?::?\d\d)?)?", re.MULTILINE
)
_AUDIOMOTH = re.compile(
    r"Recorded at (\d\d:\d\d:\d\d)(\.\d{1,6})? (\d\d/\d\d/\d{4})(?: \(UTC(?:([+-])(\d{1,2})(?::(\d\d))?)?\))?"
)


@dataclass(frozen=True)
class Start:
    """When a recording began."""

    utc: datetime
    doubt: str = ""  # why it may be off by an hour


@dataclass(frozen=True)
class StartClock:
    """How start times are found. Raises ConfigError for an unusable pattern or an unknown time zone."""

    pattern: str | None = None  # for strptime; searched in the names of the file and its folders; None: only metadata
    time_zone: str = "UTC"  # zone of times that are stated without one, such as Europe/Berlin

    def __post_init__(self) -> None:
        zone(self.time_zone)
        if self.pattern is not None:
            _searcher(self.pattern)

    def start_of(self, path: Path, name: str) -> Start | None:
        """Return when the recording at `path` began, by its `name` or else its metadata, or None."""
        stated = None if self.pattern is None else _in_name(name, self.pattern)
        stated = stated or in_metadata(path)
        return None if stated is None else _as_utc(stated, zone(self.time_zone), self.time_zone)


@cache
def zone(name: str) -> tzinfo:
    """Return the time zone with an IANA name. Raises ConfigError for an unknown name."""
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"time zone {name!r} is not known; use a name such as Europe/Berlin or UTC") from None


def _as_utc(stated: datetime, home: tzinfo, home_name: str) -> Start:
    if stated.tzinfo is not None:
        return Start(stated.astimezone(UTC))
    first, second = (stated.replace(tzinfo=home, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first < second:
        return Start(first, f"{stated} occurs twice on the clocks of {home_name}; the first was taken")
    if second < first:
        return Start(first, f"{stated} never occurs on the clocks of {home_name}; the recorder's clock was not changed")
    return Start(first)


@cache
def _searcher(pattern: str) -> re.Pattern[str]:
    found = re.findall(r"%(.)", pattern)
    unknown = [f"%{each}" for each in found if each not in _DIGITS | _OTHERS]
    if unknown or pattern.count("%") != len(found) + found.count("%"):
        known = " ".join(f"%{each}" for each in _DIGITS | _OTHERS)
        raise ConfigError(f"start pattern {pattern!r}: {' '.join(unknown) or 'a lone %'} cannot be used, only {known}")
    if not ({"Y", "y"} & set(found) and ({"m", "d"} <= set(found) or "j" in found) and "H" in found):
        raise ConfigError(f"start pattern {pattern!r} must contain year, day and hour, such as %Y%m%d_%H%M%S")
    parts = re.split(r"%(.)", pattern)
    text = "".join(
        re.escape(part) if at % 2 == 0 else rf"\d{{{_DIGITS[part]}}}" if part in _DIGITS else _OTHERS[part]
        for at, part in enumerate(parts)
    )
    return re.compile(rf"(?<!\d){text}(?!\d)")


def _in_name(name: str, pattern: str) -> datetime | None:
    """Return the first time in the file's own name, or else in the names of the folders above it."""
    own = name.rfind("/")
    for match in sorted(_searcher(pattern).finditer(name), key=lambda match: match.end() <= own):
        with suppress(ValueError):
            if _is_plausible(stated := datetime.strptime(match[0], pattern)):
                return stated
    return None


def in_metadata(path: Path) -> datetime | None:
    """Return the start that a WAV file states in GUANO, AudioMoth's comment or bext, tried in this order.

    The result has no time zone when the file states none; None for a file without such metadata, or with a date that
    stands for none, such as 0001-01-01.
    """
    chunks = dict(_chunks(path))
    for name, read in (("guan", _guano), ("ICMT", _audiomoth), ("bext", _bext)):
        if name in chunks and (stated := read(chunks[name])) is not None and _is_plausible(stated):
            return stated
    return None


def _is_plausible(stated: datetime) -> bool:
    """Return whether a recording may be from that year, which is also one whose times all time zones can express."""
    return FIRST_YEAR <= stated.year <= LAST_YEAR


def _guano(data: bytes) -> datetime | None:
    match = _GUANO.search(data.decode("utf-8", "replace"))
    try:
        return datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3] or ''}") if match else None
    except ValueError:
        return None


def _audiomoth(data: bytes) -> datetime | None:
    match = _AUDIOMOTH.search(data.decode("latin-1"))
    if match is None:
        return None
    time, fraction, date, sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    try:
        stated = datetime.strptime(f"{date} {time}", "%d/%m/%Y %H:%M:%S").replace(tzinfo=timezone(offset))
    except ValueError:
        return None
    return stated + timedelta(seconds=float(fraction or 0))


def _bext(data: bytes) -> datetime | None:
    """Read OriginationDate (10 bytes at 320) and OriginationTime (8 at 330); EBU Tech 3285 allows any separator."""
    numbers = [int(number) for number in re.findall(rb"\d+", data[320:330] + b" " + data[330:338])]
    try:
        year, month, day, hour, minute, second = numbers
        return datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None


def _chunks(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (name, content) of the metadata in a RIFF or RF64 file, with that in LIST/INFO; nothing for other files."""
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        head = file.read(12)
        if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
            return
        long_data = 0  # RF64 states the length of data in another chunk
        while len(start := file.read(8)) == 8:
            name, size = start[:4], int.from_bytes(start[4:], "little")
            if name == b"data" and size == 0xFFFF_FFFF:
                size = long_data
            following = file.tell() + size + size % 2
            if name == b"ds64":
                long_data = int.from_bytes(file.read(16)[8:16], "little")
            elif name in (b"guan", b"bext"):
                yield name.decode(), _limited(file, size)
            elif name == b"LIST":
                yield from _info(_limited(file, size))
            if following >= end:  # what the header of a damaged file claims may be too much even for `seek`
                return
            file.seek(following)


def _limited(file: BinaryIO, size: int) -> bytes:
    return file.read(min(size, _MOST_BYTES))


def _info(data: bytes) -> Iterator[tuple[str, bytes]]:
    at = 4
    while data[:4] == b"INFO" and at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4].decode("latin-1"), data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
