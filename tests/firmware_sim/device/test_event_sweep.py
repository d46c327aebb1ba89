"""A sweep over event settings against the decoder that streams: the same events, for any settings and scores."""

from statistics import median_low

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.event_sweep import EventSweep, smoothed
from stapes.firmware_sim.device.events import EventConfig, EventDecoder, completed
from stapes.firmware_sim.errors import ConfigError
from stapes.firmware_sim.machines.detector_c import LOOP_SOURCES
from stapes.firmware_sim.sources import CSRC

LEVELS = (-128, -100, -60, -59, -20, 0, 1, 40, 90, 127)
CLOCK = StepClock(sample_rate_hz=16_000, step_samples=512, origin_samples=128, target_delay_steps=1)


@st.composite
def event_configs(draw: st.DrawFn, smoothing_steps: int) -> EventConfig:
    on_score = draw(st.sampled_from(LEVELS[1:]))
    min_duration = draw(st.integers(1, 6))
    return EventConfig(
        on_score=on_score,
        off_score=draw(st.sampled_from([level for level in LEVELS[1:] if level <= on_score])),
        smoothing_steps=smoothing_steps,
        min_duration_steps=min_duration,
        merge_gap_steps=draw(st.integers(0, 5)),
        refractory_steps=draw(st.integers(0, 8)),
        max_duration_steps=draw(st.sampled_from([0, 0, min_duration, min_duration + 9])),
    )


@st.composite
def clocks(draw: st.DrawFn) -> StepClock:
    return StepClock(
        sample_rate_hz=16_000,
        step_samples=draw(st.integers(1, 600)),
        origin_samples=draw(st.integers(0, 700)),
        target_delay_steps=draw(st.integers(0, 4)),
    )


# Scores that stay for a few steps, and are close to the thresholds.
columns = st.lists(st.tuples(st.sampled_from(LEVELS), st.integers(1, 8)), max_size=30).map(
    lambda runs: np.array([score for score, steps in runs for _ in range(steps)], np.int8)
)


@settings(max_examples=500)
@given(
    st.lists(st.tuples(columns, st.integers(0, 10**9)), max_size=4),
    st.sampled_from([1, 1, 3, 5, 9, 15]).flatmap(lambda steps: st.lists(event_configs(steps), min_size=1, max_size=6)),
    clocks(),
)
def test_sweep_vs_streaming_decoder(
    recordings: list[tuple[np.ndarray, int]], configs: list[EventConfig], clock: StepClock
) -> None:
    sweep = EventSweep([scores for scores, _ in recordings], [first for _, first in recordings], clock)
    for config, found in zip(configs, sweep.events(configs), strict=True):
        decoder = EventDecoder(["pop"], [config], clock)
        expected = []
        for scores, first in recordings:
            decoder.reset(first)
            events = completed(decoder.push(scores[:, None]) + decoder.flush())
            expected += [[event.onset_sample, event.offset_sample] for event in events]
        assert found.tolist() == expected


@settings(max_examples=200)
@given(columns, st.sampled_from([1, 3, 5, 9, 15]))
def test_smoothed_scores_vs_centred_median(scores: np.ndarray, smoothing_steps: int) -> None:
    half = smoothing_steps // 2
    padded = [-128] * half + scores.tolist() + [-128] * half
    expected = [median_low(padded[k : k + smoothing_steps]) for k in range(len(scores))]
    assert smoothed(scores, EventConfig(smoothing_steps=smoothing_steps)).tolist() == expected


def test_more_events_than_there_was_room_for_are_all_returned() -> None:
    scores = np.tile(np.array([100, -100], np.int8), 5000)
    strict, loose = EventSweep([scores], [0], CLOCK).events([EventConfig(min_duration_steps=2), EventConfig()])
    assert (len(strict), len(loose)) == (0, 5000)
    np.testing.assert_array_equal(np.diff(loose[1:, 0]), 1024)


def test_no_settings_and_no_recordings_give_no_events() -> None:
    assert EventSweep([], [], CLOCK).events([]) == []
    assert [len(events) for events in EventSweep([], [], CLOCK).events([EventConfig()])] == [0]


def test_what_is_no_column_of_scores_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"scores are int8 of shape \(4, 2\): need int8 \[steps\]"):
        EventSweep([np.zeros((4, 2), np.int8)], [0], CLOCK)
    with pytest.raises(ConfigError, match="scores of 1 recordings and 2 first samples: need one of each"):
        EventSweep([np.zeros(4, np.int8)], [0, 1], CLOCK)


def test_settings_that_smooth_differently_are_refused() -> None:
    with pytest.raises(ConfigError, match="differ in their smoothing"):
        EventSweep([np.zeros(4, np.int8)], [0], CLOCK).events([EventConfig(), EventConfig(smoothing_steps=3)])


def test_devices_carry_no_part_of_the_sweep() -> None:
    """It is compiled into the Python extension alone, and no file of a device includes it."""
    assert not any("sweep" in name for name in LOOP_SOURCES)
    texts = [path.read_text() for path in CSRC.rglob("*.[ch]") if path.parent.name != "host"]
    assert texts
    assert not any("sweep" in text for text in texts)
