"""A pipe as a stream: stalls are gaps with times, and only sound that is heard as it happens has a time of day."""

import contextlib
import itertools
import os
import struct
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stapes.firmware_sim.errors import AudioError
from stapes.runtime.live.pace import Pace
from stapes.runtime.live.pipe import Pipe, RawPcm
from stapes.runtime.live.source import Gap
from stapes.runtime.live.stdin import open_stdin

RATE = 16_000
TENTH = bytes(RATE // 10 * 2)  # a tenth of a second of int16


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def live() -> Iterator[SimpleNamespace]:
    """A pipe into which the test writes, whose sound has been live for two seconds."""
    reading, writing = os.pipe()
    clock = Clock()
    os.write(writing, TENTH)
    pipe = Pipe(reading, RawPcm(RATE), pace=Pace(now_s=clock), now_s=clock)
    stage = SimpleNamespace(pipe=pipe, clock=clock, write=lambda data: os.write(writing, data))
    pipe.read(0)
    for _ in range(20):
        assert len(pipe.read(0)) == 0, "it has to wait"
        clock.now_s += 0.1
        stage.write(TENTH)
        assert len(pipe.read(0)) == RATE // 10
    yield stage
    os.close(writing)
    os.close(reading)


def test_sound_that_was_lost_in_a_stall_is_a_gap_as_long_as_it(live: SimpleNamespace) -> None:
    assert live.pipe.is_live
    assert len(live.pipe.read(0)) == 0
    live.clock.now_s += 12
    live.write(TENTH)
    began_s, real = live.clock.now_s, time.monotonic()
    live.pipe._now_s = lambda: began_s + time.monotonic() - real  # the second that a writer has to catch up
    gap = live.pipe.read(0)
    assert isinstance(gap, Gap)
    assert gap.reason == "stream stalled"
    assert gap.lost_frames / RATE == pytest.approx(12 + 1 - 0.1, abs=0.3)
    assert len(live.pipe.read(0)) == RATE // 10, "the sound behind the gap"


def test_sound_that_is_delivered_after_a_stall_is_not_lost(live: SimpleNamespace) -> None:
    assert len(live.pipe.read(0)) == 0
    live.clock.now_s += 1.5
    live.write(15 * TENTH)
    heard = 0
    while heard < RATE * 3 // 2:
        block = live.pipe.read(0)
        assert not isinstance(block, Gap)
        heard += len(block)
    assert heard == RATE * 3 // 2


def test_a_recording_that_is_sent_as_fast_as_it_is_read_is_not_live() -> None:
    clock = Clock()
    pace = Pace(now_s=clock)
    assert not pace.is_live, "nothing has been waited for"
    for _ in range(100):  # a decoder that is 20 times as fast as the sound
        clock.now_s += 0.005
        pace.heard(0.1, True, lambda: False)
    assert not pace.is_live


@pytest.mark.parametrize("stall_s", [3, 8])
def test_sound_is_live_again_when_it_has_caught_up_after_a_stall(stall_s: int) -> None:
    clock = Clock()
    pace = Pace(now_s=clock)

    def hear(after_s: float, waited: bool) -> None:
        clock.now_s += after_s
        pace.heard(0.1, waited, lambda: False)

    for _ in range(20):
        hear(0.1, True)
    assert pace.is_live
    hear(stall_s, True)
    for number in range(1, 10 * stall_s):  # a pipe holds only a part of it, so that its reader waits in between
        hear(0.001, number % 10 == 0)
    for _ in range(3):
        hear(0.1, True)
    assert pace.is_live
    for _ in range(20):
        hear(0.001, True)
    assert not pace.is_live, "what comes at once now was not held back"


def test_a_recording_that_is_sent_after_a_pause_is_not_live() -> None:
    clock = Clock()
    pace = Pace(now_s=clock)
    pace.heard(0.1, True, lambda: False)
    clock.now_s += 10
    pace.heard(0.1, True, lambda: False)
    for _ in range(30):
        clock.now_s += 0.005
        pace.heard(0.1, False, lambda: False)
    assert not pace.is_live
    pace.heard(0.1, True, lambda: False)
    assert not pace.is_live, "it still comes faster than it sounds"


@pytest.mark.parametrize("begun", [b"RIFF", b"RIFF\0\0\0\0WAVE"])
def test_a_stop_while_the_header_is_incomplete_is_no_error(begun: bytes) -> None:
    reading, writing = os.pipe()
    os.write(writing, begun)
    asked = itertools.count()
    pipe = Pipe(reading, RawPcm(RATE, 2), stopped=lambda: next(asked) >= 3)
    assert (pipe.rate_hz, pipe.channels) == (RATE, 2)
    os.close(writing)
    os.close(reading)


def test_a_file_on_stdin_is_not_live_unless_it_is_paced(tmp_path: Path) -> None:
    (tmp_path / "raw.pcm").write_bytes(np.zeros(1600, np.int16).tobytes())
    with (tmp_path / "raw.pcm").open("rb") as file:
        assert not open_stdin(file.fileno(), RawPcm(RATE), False, lambda: False).is_live
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        assert open_stdin(file.fileno(), RawPcm(RATE), True, lambda: False).is_live


@pytest.mark.parametrize(
    "header",
    [
        b"JUNK" + struct.pack("<I", 0xFFFF_FFF0),
        b"fmt " + struct.pack("<I", 0xFFFF_FFF0),
        b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1024, 10_000_000, 0, 2048, 16) + b"data" + struct.pack("<I", 1 << 31),
    ],
)
def test_memory_is_not_taken_for_what_a_header_claims(header: bytes) -> None:
    """The referee is the allocator of Python, over 32 MiB that arrive behind a claim of up to 4 GiB."""
    reading, writing = os.pipe()

    def write() -> None:
        with contextlib.suppress(BrokenPipeError), os.fdopen(writing, "wb") as pipe:
            pipe.write(b"RIFF\xff\xff\xff\xffWAVE" + header)
            for _ in range(512):
                pipe.write(bytes(1 << 16))

    writer = threading.Thread(target=write)
    writer.start()
    tracemalloc.start()
    try:
        with contextlib.suppress(AudioError):
            pipe = Pipe(reading, RawPcm(RATE))
            while pipe.read(1) is not None:
                pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        os.close(reading)
        writer.join()
    assert peak < 8 << 20
