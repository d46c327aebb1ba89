"""Start times: file names and what recorders write into WAV files, as UTC."""

import struct
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.batch.recording_times import StartClock, in_metadata


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _wav(path: Path, *before: bytes, after: bytes = b"", head: bytes = b"RIFF", data_size: int | None = None) -> Path:
    """A WAV file of 100 samples with chunks before and after them."""
    sound = _chunk(b"data", bytes(200))
    if data_size is not None:
        sound = sound[:4] + struct.pack("<I", data_size) + sound[8:]
    body = (
        b"WAVE" + b"".join(before) + _chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 16000, 32000, 2, 16)) + sound + after
    )
    path.write_bytes(head + struct.pack("<I", len(body)) + body)
    return path


def _icmt(text: str) -> bytes:
    return _chunk(b"LIST", b"INFO" + _chunk(b"ICMT", text.encode() + b"\0\0") + _chunk(b"IART", b"AudioMoth"))


def _bext(date: str, time: str) -> bytes:
    return _chunk(b"bext", bytes(256 + 32 + 32) + date.encode() + time.encode() + bytes(264))


def _utc(path: Path, clock: StartClock | None = None) -> datetime | None:
    start = (clock or StartClock()).start_of(path, path.name)
    return start.utc if start else None


@pytest.mark.parametrize(
    ("comment", "utc"),
    [
        ("Recorded at 19:17:30 24/06/2020 (UTC) by AudioMoth 24E1", datetime(2020, 6, 24, 19, 17, 30, tzinfo=UTC)),
        ("Recorded at 00:30:00 01/01/2024 (UTC+2) by AudioMoth 24E1", datetime(2023, 12, 31, 22, 30, tzinfo=UTC)),
        ("Recorded at 21:00:00 31/12/2023 (UTC-3:30) by AudioMoth", datetime(2024, 1, 1, 0, 30, tzinfo=UTC)),
        ("Recorded at 21:00:00.250 31/12/2023 (UTC)", datetime(2023, 12, 31, 21, 0, 0, 250_000, tzinfo=UTC)),
        ("Recorded at 10:00:00 05/04/2018 by AudioMoth 0123", datetime(2018, 4, 5, 10, tzinfo=UTC)),
    ],
)
def test_audiomoth_states_its_own_zone(tmp_path: Path, comment: str, utc: datetime) -> None:
    assert _utc(_wav(tmp_path / "a.WAV", _icmt(comment)), StartClock(time_zone="Asia/Tokyo")) == utc


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2023-07-01 23:15:00-04:00", datetime(2023, 7, 2, 3, 15, tzinfo=UTC)),
        ("2023-07-01 23:15:00.5 +0530", datetime(2023, 7, 1, 17, 45, 0, 500_000, tzinfo=UTC)),
        ("2023-07-01T23:15:00.123456789Z", datetime(2023, 7, 1, 23, 15, 0, 123_456, tzinfo=UTC)),
        ("2023-07-01", None),
        ("2023-13-41T23:15:00", None),
        ("yesterday", None),
    ],
)
def test_guano_as_recorders_write_it(tmp_path: Path, written: str, utc: datetime | None) -> None:
    guano = f"GUANO|Version: 1.0\r\nTimestamp:{written}\r\nOriginal Filename: 20010101_000000.wav\r\n\0"
    assert _utc(_wav(tmp_path / "a.wav", after=_chunk(b"guan", guano.encode()))) == utc


def test_guano_with_and_without_a_zone(tmp_path: Path) -> None:
    text = "GUANO|Version: 1.0\nTimestamp: 2023-07-01T23:15:00{}\nMake: Bat\n"
    zoned = _wav(tmp_path / "a.wav", after=_chunk(b"guan", text.format("+02:00").encode()))
    plain = _wav(tmp_path / "b.wav", after=_chunk(b"guan", text.format("").encode()))
    assert _utc(zoned) == datetime(2023, 7, 1, 21, 15, tzinfo=UTC)
    assert _utc(plain, StartClock(time_zone="Europe/Berlin")) == datetime(2023, 7, 1, 21, 15, tzinfo=UTC)


@pytest.mark.parametrize("separators", ["-:", ":-", "_ ", ".."])
def test_bext_with_any_separator(tmp_path: Path, separators: str) -> None:
    date, time = separators
    path = _wav(tmp_path / "a.wav", _bext(date.join(["2024", "02", "29"]), time.join(["06", "07", "08"])))
    assert _utc(path) == datetime(2024, 2, 29, 6, 7, 8, tzinfo=UTC)


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_a_date_that_stands_for_none_gives_no_start_time(tmp_path: Path, year: str) -> None:
    berlin = StartClock("%Y%m%d_%H%M", "Europe/Berlin")
    for zone in ("+01:00", "-01:00"):
        guano = _chunk(b"guan", f"Timestamp: {year}-12-31T23:30:00{zone}".encode())
        path = _wav(tmp_path / f"{year}0101_0000.wav", _bext(f"{year}-01-01", "00:00:00"), after=guano)
        assert _utc(path, berlin) is None
        with_bext = _wav(tmp_path / "a.wav", _bext("2024-02-29", "06:07:08"), after=guano)
        assert _utc(with_bext) == datetime(2024, 2, 29, 6, 7, 8, tzinfo=UTC), "bext states it"


def test_metadata_behind_the_data_of_an_rf64_file(tmp_path: Path) -> None:
    sizes = _chunk(b"ds64", struct.pack("<QQQI", 0, 200, 100, 0))
    guano = _chunk(b"guan", b"Timestamp: 2023-07-01T23:15:00Z")
    path = _wav(tmp_path / "a.wav", sizes, after=guano, head=b"RF64", data_size=0xFFFF_FFFF)
    assert _utc(path) == datetime(2023, 7, 1, 23, 15, tzinfo=UTC)


def test_the_name_takes_precedence_over_the_metadata(tmp_path: Path) -> None:
    path = _wav(tmp_path / "SITE7_20240501_041500_x.wav", _bext("2001-01-01", "00:00:00"))
    assert _utc(path, StartClock("%Y%m%d_%H%M%S")) == datetime(2024, 5, 1, 4, 15, tzinfo=UTC)
    assert _utc(path, StartClock("%Y-%m-%d_%H")) == datetime(2001, 1, 1, tzinfo=UTC), "where the name does not match"


def test_folders_count_as_part_of_the_name(tmp_path: Path) -> None:
    path = _wav(tmp_path / "x.wav")
    start = StartClock("%Y-%m-%d/%H.%M").start_of(path, "north/2024-05-01/04.15.wav")
    assert start is not None
    assert start.utc == datetime(2024, 5, 1, 4, 15, tzinfo=UTC)


def test_the_name_of_the_file_takes_precedence_over_those_of_its_folders(tmp_path: Path) -> None:
    path = _wav(tmp_path / "x.wav")
    for name in ("20240501_000000/B_20240501_041500.wav", "20240501_000000/B_20240501_041500_20240501_051500.wav"):
        start = StartClock("%Y%m%d_%H%M%S").start_of(path, name)
        assert start is not None
        assert start.utc == datetime(2024, 5, 1, 4, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "utc", "doubt"),
    [
        ("20240331_013000.wav", datetime(2024, 3, 31, 0, 30, tzinfo=UTC), ""),
        ("20240331_033000.wav", datetime(2024, 3, 31, 1, 30, tzinfo=UTC), ""),
        ("20240331_023000.wav", datetime(2024, 3, 31, 1, 30, tzinfo=UTC), "never occurs"),
        ("20241027_013000.wav", datetime(2024, 10, 26, 23, 30, tzinfo=UTC), ""),
        ("20241027_023000.wav", datetime(2024, 10, 27, 0, 30, tzinfo=UTC), "occurs twice"),
        ("20241027_033000.wav", datetime(2024, 10, 27, 2, 30, tzinfo=UTC), ""),
    ],
)
def test_daylight_saving_of_berlin(tmp_path: Path, name: str, utc: datetime, doubt: str) -> None:
    start = StartClock("%Y%m%d_%H%M%S", "Europe/Berlin").start_of(_wav(tmp_path / name), name)
    assert start is not None
    assert start.utc == utc
    assert doubt in start.doubt
    assert bool(start.doubt) == bool(doubt)


@pytest.mark.parametrize("name", ["20241350_990000.wav", "x.wav", "120240501_041500.wav"])
def test_digits_that_are_not_a_time_give_no_start_time(tmp_path: Path, name: str) -> None:
    assert _utc(_wav(tmp_path / name), StartClock("%Y%m%d_%H%M%S")) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"RIFF", b"RIFF\x10\0\0\0WAVELIST\xff\xff\xff\xffINFOICMT\xff\xff\xff\x7fRecorded", b"fLaC" + bytes(100)],
)
def test_a_damaged_header_gives_no_start_time(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    assert in_metadata(tmp_path / "a.wav") is None


@pytest.mark.parametrize(
    ("pattern", "zone", "complaint"),
    [
        ("%Y%m%d_%Q", "UTC", "%Q cannot be used"),
        ("%Y%m%d", "UTC", "year, day and hour"),
        ("%H%M", "UTC", "year, day and hour"),
        ("%Y%m%d%H%", "UTC", "a lone %"),
        (None, "Berlin", "time zone 'Berlin' is not known"),
    ],
)
def test_unusable_settings_are_refused(pattern: str | None, zone: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        StartClock(pattern, zone)
