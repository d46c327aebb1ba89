"""Hours of audio, faster than real time: memory stays flat, and event times stay exact past every wrap.

`make soak` sets STAPES_SOAK_HOURS to 24 and shows the figures; one hour runs with the slow tests.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from played import Played
from tiny_detector import noise_bursts

from stapes.runtime.audio import InputSettings
from stapes.runtime.detector import Detector
from stapes.runtime.live.clips import ClipRecorder, ClipSettings
from stapes.runtime.live.dashboard.feed import Feed
from stapes.runtime.live.rate import RateMeter
from stapes.runtime.live.session import Outputs, run
from stapes.runtime.live.sinks.sqlite import SqliteSink
from stapes.runtime.live.source import Block, Gap

HOURS = float(os.environ.get("STAPES_SOAK_HOURS", "1"))
RATE = 16_000
MINUTE = 60 * RATE  # a whole number of steps: every minute gives the same events, 960,000 samples later
BLOCK = 320


def _memory_bytes() -> int:
    """Resident set size of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Endless(Played):
    """The same minute many times, after a first gap that sets the clock. It measures memory use while it plays."""

    def __init__(self, minute: list[Block], minutes: int, start_sample: int) -> None:
        super().__init__(RATE, [])
        self.memory: list[int] = []
        self._items = self._play(minute, minutes, start_sample)  # type: ignore[assignment]

    def _play(self, minute: list[Block], minutes: int, start_sample: int) -> Iterator[Block | Gap]:
        yield Gap(start_sample, RATE, "the clock starts late")
        for _ in range(minutes):
            yield from minute
            self.memory.append(_memory_bytes())

    def read(self, timeout_s: float) -> Block | Gap | None:
        return next(self._items, None)  # type: ignore[call-overload]


@pytest.mark.slow
@pytest.mark.parametrize("wrap", [2**31, 2**32])
def test_hours_of_audio_over_a_wrap_of_the_clock_leave_memory_flat_and_times_exact(
    tiny_detector: Path, tmp_path: Path, wrap: int
) -> None:
    bursts = [(5.0, 5.6, "hiss"), (20.0, 21.5, "rumble"), (40.0, 40.5, "hiss")]
    pcm = noise_bursts(60.0, bursts)
    minute: list[Block] = [
        pcm[at : at + BLOCK, None].astype(np.float32) / np.float32(32768) for at in range(0, MINUTE, BLOCK)
    ]
    detector, minutes = Detector.load(tiny_detector), round(HOURS * 60)
    start = (wrap - MINUTE // 2) // 512 * 512  # half a minute below the wrap
    source = Endless(minute, minutes, start)
    outputs = Outputs(
        [SqliteSink(tmp_path / "log.sqlite")],
        [Feed(detector, source, clips=True), ClipRecorder(ClipSettings(tmp_path / "clips"), detector, source)],
        RateMeter(detector.folder, window_s=60),
    )
    expected = [(event.label, event.onset_sample, event.offset_sample) for event in detector.detect(pcm)]
    assert len(expected) == 3
    began_s = time.process_time()
    run(detector, source, outputs, threading.Event(), InputSettings())
    took_s = time.process_time() - began_s

    database = sqlite3.connect(tmp_path / "log.sqlite")
    columns = "SELECT label, onset_sample, offset_sample FROM records WHERE kind = 'event' ORDER BY onset_sample"
    heard = database.execute(columns).fetchall()
    assert heard == [
        (label, start + number * MINUTE + onset, start + number * MINUTE + offset)
        for number in range(minutes)
        for label, onset, offset in expected
    ]
    rates = database.execute("SELECT DISTINCT label, per_minute FROM records WHERE kind = 'rate'").fetchall()
    assert ("hiss", 2.0) in rates
    # The first minutes fill buffers: the ring of the clips, the memory of the page.
    growth = max(source.memory[-5:]) - max(source.memory[5:10])
    print(
        f"\n{HOURS:g} h of audio from sample {start} to {start + minutes * MINUTE} in {took_s / 60:.1f} min of the "
        f"processor: {len(heard)} events at their exact times, {growth / 1024:.0f} KiB more memory than after 10 min"
    )
    assert growth < 4 << 20, f"{growth} bytes more after {minutes} minutes"
