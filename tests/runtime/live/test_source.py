"""The queue between sound card and reader: its length is limited, and lost samples are counted and reported."""

import numpy as np
import pytest

from stapes.runtime.live.microphone import Microphone
from stapes.runtime.live.source import BlockQueue, ClockWatch, Gap

RATE = 16_000


def _block(frames: int, value: float = 0.0) -> np.ndarray:
    return np.full((frames, 1), value, np.float32)


def test_a_slow_reader_loses_the_newest_audio_and_finds_one_gap_of_its_exact_length() -> None:
    queue = BlockQueue(RATE, limit_s=1.0)
    for k in range(30):  # 3 s into a queue of 1 s
        queue.put(_block(1600, k), now_s=k * 0.1)
    assert queue.queued_frames == 16_000
    assert queue.dropped_frames == 20 * 1600
    kept = [queue.get(0) for _ in range(10)]
    assert [block[0, 0] for block in kept] == list(range(10)), "the oldest audio is kept"
    queue.put(_block(1600, 99), now_s=3.0)
    gap, block = queue.get(0), queue.get(0)
    assert gap == Gap(20 * 1600, RATE, "overrun")
    assert block[0, 0] == 99
    assert queue.queued_frames == 0


def test_one_slow_period_makes_one_gap() -> None:
    queue = BlockQueue(RATE, limit_s=1.0)
    items = []
    for k in range(100):  # the reader takes one block for every two that come, then catches up
        queue.put(_block(1600), now_s=k * 0.1)
        if k % 2 or k > 60:
            items += [queue.get(0), queue.get(0)] if k > 60 else [queue.get(0)]
    gaps = [item for item in items if isinstance(item, Gap)]
    assert len(gaps) < queue.dropped_frames / 1600 / 2
    blocks = sum(len(item) for item in items if not isinstance(item, Gap))
    lost = sum(gap.lost_frames for gap in gaps)
    assert blocks + queue.queued_frames + lost == 100 * 1600, "every sample is delivered, queued or counted as lost"


def test_while_audio_is_dropped_the_lag_tells_when_the_newest_sound_was_heard() -> None:
    microphone = Microphone.__new__(Microphone)
    microphone.queue, microphone.rate_hz = BlockQueue(RATE, limit_s=1.0), RATE
    position, gaps = 0, 0
    for k in range(200):  # the reader takes one block for every two that come, then catches up
        now_s = (k + 1) * 0.1
        microphone.queue.put(_block(1600), now_s)
        for _ in range(2 if k > 100 else k % 2):
            item = microphone.queue.get(0)
            gaps += isinstance(item, Gap)
            position += item.lost_frames if isinstance(item, Gap) else len(item)
            assert now_s - microphone.lag_s == pytest.approx(position / RATE)
    assert gaps > 2


def test_no_audio_within_the_time_is_an_empty_block() -> None:
    assert len(BlockQueue(RATE, limit_s=1.0).get(0.001)) == 0


def test_audio_that_never_came_is_a_gap_before_the_next_block() -> None:
    queue, items = BlockQueue(RATE, limit_s=1.0), []
    for k in range(1500):
        late_s = 2.0 if k >= 750 else 0.0  # from the middle on, 2 s are missing
        queue.put(_block(320), now_s=k * 0.02 + late_s)
        items.append(queue.get(0))
        if isinstance(items[-1], Gap):
            items.append(queue.get(0))
    (gap,) = [item for item in items if isinstance(item, Gap)]
    assert gap == Gap(2 * RATE, RATE, "never delivered")
    assert queue.missing_frames == 2 * RATE


def _delivered(watch: ClockWatch, seconds: float, *, start: float = 0.0, rate_error: float = 0.0) -> int:
    """Deliver 20 ms blocks with 5 ms jitter by a sound card whose clock is off by `rate_error`; return what is lost."""
    jitter = np.random.default_rng(3).uniform(0, 0.005, int(seconds / 0.02))
    times = start + np.arange(len(jitter)) * 0.02 * (1 + rate_error) + jitter
    return sum(watch.received(320, now) for now in times)


def test_jitter_and_a_slow_clock_are_not_losses() -> None:
    assert _delivered(ClockWatch(RATE), 3600, rate_error=2e-4) == 0


def test_audio_delivered_late_is_not_a_loss() -> None:
    watch = ClockWatch(RATE)
    assert _delivered(watch, 30) == 0
    assert sum(watch.received(320, 33.0) for _ in range(150)) == 0, "3 s of backlog at once"
    assert _delivered(watch, 30, start=33.0) == 0


def test_audio_that_never_comes_is_counted_within_one_jitter() -> None:
    watch = ClockWatch(RATE)
    assert _delivered(watch, 30) == 0
    lost = _delivered(watch, 30, start=32.0)  # 2 s are missing, and no flag was ever raised
    assert abs(lost - 2 * RATE) <= 0.005 * RATE
