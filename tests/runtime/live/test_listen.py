"""The live loop: blocks at any rate, a clock that includes gaps, and an end that completes open events."""

import numpy as np
import pytest
import soxr
from played import Played, blocks
from tiny_detector import noise_bursts

from stapes.firmware_sim.device.events import completed
from stapes.runtime.audio import InputSettings
from stapes.runtime.detector import Detector
from stapes.runtime.live.listen import Update, listen
from stapes.runtime.live.source import Block, Gap


def _run(detector: Detector, source: Played) -> list[Update]:
    return list(listen(detector, source, stopped=lambda: False))


def test_live_events_equal_the_files(detector: Detector) -> None:
    pcm = noise_bursts(4.0, [(1.0, 1.6, "hiss"), (3.5, 4.0, "rumble")])
    expected = list(detector.stream([pcm]))
    updates = _run(detector, Played(16_000, blocks(pcm, 320)))
    assert [event for update in updates for event in update.events] == expected
    assert updates[-1].events, "the rumble is still open at the end: flushing completes it"
    assert updates[-1].end_sample == len(pcm)


def test_a_48_khz_stereo_microphone_gives_what_soxr_gives_in_one_call(detector: Detector) -> None:
    loud = noise_bursts(3.0, [(1.0, 1.6, "rumble")], rate=48_000)
    pcm = soxr.resample(loud.astype(np.float32) / np.float32(32768), 48_000, 16_000)
    expected = list(detector.stream([np.rint(pcm * 32768).astype(np.int16)]))
    updates = _run(detector, Played(48_000, blocks(loud, 960, channels=2)))
    assert [event for update in updates for event in update.events] == expected
    assert len(expected) == 2


def test_a_gap_closes_open_events_and_keeps_the_clock(detector: Detector) -> None:
    pcm = noise_bursts(4.0, [(1.0, 2.5, "hiss"), (3.0, 3.5, "hiss")])
    items: list[Block | Gap] = list(blocks(pcm, 320))
    items[100:125] = [Gap(25 * 320, 16_000, "overrun")]  # 2.0 s to 2.5 s never came
    updates = _run(detector, Played(16_000, items))
    (gap,) = [update for update in updates if update.gap]
    assert (gap.start_sample, gap.end_sample) == (32_000, 40_000)
    events = completed(event for update in updates for event in update.events)
    assert [event.onset for event in events] == pytest.approx([1.0, 3.0], abs=0.15)
    assert events[0].offset <= 2.0
    assert updates[-1].end_sample == len(pcm)


def test_gaps_at_another_rate_add_no_drift(detector: Detector) -> None:
    items: list[Block | Gap] = []
    for _ in range(300):
        items += [np.zeros((401, 1), np.float32), Gap(401, 44_100, "overrun")]
    updates = _run(detector, Played(44_100, items))
    assert abs(updates[-1].end_sample - 300 * 2 * 401 * 16_000 / 44_100) <= 0.5


def test_stopping_ends_after_the_block_under_way(detector: Detector) -> None:
    pcm = noise_bursts(2.0, [(0.5, 2.0, "hiss")])
    stop: list[bool] = []
    seen = []
    for update in listen(detector, Played(16_000, blocks(pcm, 320)), stopped=lambda: bool(stop)):
        seen.append(update)
        if update.end_sample >= 16_000:
            stop.append(True)
    assert seen[-1].end_sample == 16_000
    assert [event.offset_sample is not None for event in seen[-1].events] == [True]


def _two_channels(seconds: float, sign: int) -> list[Block | Gap]:
    """Noise on the left, and the same in phase (1) or in opposite phase (-1) on the right."""
    noise = np.random.default_rng(1).normal(0, 0.1, int(seconds * 16_000)).astype(np.float32)
    both = np.stack([noise, sign * noise], axis=1)
    return [both[at : at + 1600] for at in range(0, len(both), 1600)]


@pytest.mark.parametrize(
    ("items", "settings", "told"),
    [
        (_two_channels(1, -1), None, 1),
        (_two_channels(45, -1), None, 1),
        ([*_two_channels(20, 1), *_two_channels(20, -1)], None, 1),
        (_two_channels(30, 1), None, 0),
        (_two_channels(30, -1), InputSettings(channel=2), 0),
        ([np.zeros((160, 2), np.float32)] * 300, None, 0),
    ],
    ids=["a short stream", "once", "changed later", "in phase", "a channel is chosen", "silence"],
)
def test_channels_in_opposite_phase_are_told_once_in_a_stream(
    detector: Detector,
    caplog: pytest.LogCaptureFixture,
    items: list[Block | Gap],
    settings: InputSettings | None,
    told: int,
) -> None:
    list(listen(detector, Played(16_000, items), lambda: False, settings))
    said = [each.message for each in caplog.records if "opposite phase" in each.message]
    assert len(said) == told
    assert all(each.startswith("played: its channels are in opposite phase") for each in said)


def test_one_channel_can_be_chosen_and_made_louder(detector: Detector) -> None:
    pcm = noise_bursts(3.0, [(1.0, 1.6, "rumble")])
    quiet = np.stack([np.zeros(len(pcm)), pcm / 32768 / 4], axis=1).astype(np.float32)
    source = Played(16_000, [quiet[at : at + 320] for at in range(0, len(quiet), 320)])
    updates = list(listen(detector, source, lambda: False, InputSettings(channel=2, gain_db=20 * np.log10(4))))
    heard = np.concatenate([update.pcm for update in updates])
    assert np.abs(heard.astype(int) - pcm).max() <= 1, "times four, and rounded"
    assert completed(event for update in updates for event in update.events)
