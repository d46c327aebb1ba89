"""The clock of the scores against the plain formula, and against the events of the device."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.events import EventConfig, EventDecoder, completed
from stapes.firmware_sim.device.frontend import FrontendConfig
from stapes.firmware_sim.errors import ConfigError


@st.composite
def clocks(draw: st.DrawFn) -> StepClock:
    return StepClock(
        sample_rate_hz=draw(st.sampled_from([1000, 16_000, 44_100])),
        step_samples=draw(st.integers(1, 600)),
        origin_samples=draw(st.integers(0, 700)),
        target_delay_steps=draw(st.integers(0, 5)),
    )


@given(clocks(), st.integers(0, 40))
def test_edges_of_scores_vs_plain_formula(clock: StepClock, n_scores: int) -> None:
    step, origin, delay = clock.step_samples, clock.origin_samples, clock.target_delay_steps
    begins = [step * (k - delay) + origin for k in range(n_scores + 1)]
    assert [clock.begin_sample(k) for k in range(n_scores + 1)] == begins
    assert [clock.begin_s(k) for k in range(n_scores + 1)] == [begin / clock.sample_rate_hz for begin in begins]
    assert clock.edges_samples(n_scores).tolist() == [max(begin, 0) for begin in begins]
    assert clock.edges_s(n_scores).tolist() == [max(begin, 0) / clock.sample_rate_hz for begin in begins]
    assert clock.recorded_s(n_scores) == pytest.approx(max(0, n_scores - delay) * step / clock.sample_rate_hz)


@given(clocks(), st.integers(0, 20))
def test_an_event_of_one_score_lies_between_the_edges_of_that_score(clock: StepClock, k: int) -> None:
    scores = np.full((k + 2, 1), -128, np.int8)
    scores[k] = 127
    decoder = EventDecoder(["pop"], [EventConfig()], clock)
    events = completed(decoder.push(scores) + decoder.flush())
    edges = clock.edges_samples(k + 1)
    expected = [(int(edges[k]), int(edges[k + 1]))] if edges[k + 1] > 0 else []
    assert [(event.onset_sample, event.offset_sample) for event in events] == expected


@given(st.integers(1, 250), st.integers(1, 250), st.integers(1, 4), st.integers(0, 5), st.integers(0, 20_000))
def test_a_recording_and_its_tail_give_a_score_for_each_whole_step(
    half_window: int, half_hop: int, frames_per_step: int, delay: int, samples: int
) -> None:
    frontend = FrontendConfig(window_samples=2 * half_window, hop_samples=2 * min(half_hop, half_window))
    clock = StepClock.of(frontend, frames_per_step, delay)
    whole_steps = max(0, (samples - (half_window - frontend.hop_samples // 2)) // clock.step_samples)
    n_scores = whole_steps + delay
    with_tail = samples + clock.tail_samples
    if whole_steps:
        assert frontend.samples_of(n_scores * frames_per_step) <= with_tail
    assert frontend.samples_of((n_scores + 1) * frames_per_step) > with_tail


def test_frames_begin_where_the_middle_hops_of_their_windows_begin() -> None:
    frames = StepClock.of(FrontendConfig(window_samples=400, hop_samples=160))
    assert [frames.begin_s(t) for t in (0, 1, 100)] == [0.0075, 0.0175, 1.0075]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("step_samples", 0, "step_samples is 0: need 1 to 2147483647"),
        ("target_delay_steps", -1, "target_delay_steps is -1: need 0 to 2147483647"),
        ("origin_samples", 2.5, r"origin_samples is 2\.5: need an int"),
    ],
)
def test_a_setting_outside_its_range_is_named(name: str, value: float, reason: str) -> None:
    valid = {"sample_rate_hz": 16_000, "step_samples": 512, "origin_samples": 128, "target_delay_steps": 0}
    with pytest.raises(ConfigError, match=reason):
        StepClock(**(valid | {name: value}))  # type: ignore[arg-type]
