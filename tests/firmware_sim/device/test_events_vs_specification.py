"""The event decoder is held against a specification that works on whole sequences, without a state machine."""

import itertools
from dataclasses import dataclass
from statistics import median_low

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.events import Event, EventConfig, EventDecoder, completed


@dataclass(frozen=True)
class Span:
    """An event of one class in steps of the smoothed scores, and the steps after which it was reported."""

    first: int
    last: int
    announced_at: int
    completed_at: int


def smooth(scores: list[int], config: EventConfig) -> list[int]:
    """Return the trailing median of the scores, with silence before them, and behind them for the median's delay."""
    n = config.smoothing_steps
    padded = [-128] * (n - 1) + scores + [-128] * ((n - 1) // 2)
    return [median_low(padded[k : k + n]) for k in range(len(padded) - n + 1)]


def run_end(values: list[int], first: int, config: EventConfig) -> int:
    """Return the last step of the stretch from `first` on that stays at or above off_score."""
    return next((k - 1 for k in range(first, len(values)) if values[k] < config.off_score), len(values) - 1)


def spans(values: list[int], config: EventConfig, first_true_step: int) -> list[Span]:
    """Return the events of smoothed scores; steps before first_true_step stand for time before the recording."""
    on = [k for k, value in enumerate(values) if value >= config.on_score]
    limit = config.max_duration_steps or len(values) + 1
    found: list[Span] = []
    begin_from = 0
    while starts := [k for k in on if k >= begin_from]:
        first = starts[0]
        cut = first + limit - 1  # the last step that the event may have
        active = []
        last = first - 1
        begin = first
        while begin <= cut:
            last = min(run_end(values, begin, config), cut)
            active += range(begin, last + 1)
            again = [k for k in on if last < k <= last + 1 + config.merge_gap_steps]
            if last == cut or not again:
                break
            begin = again[0]
        if last == cut:
            known, begin_from = cut, run_end(values, cut, config) + 1
        else:
            known = min(last + 1 + config.merge_gap_steps, cut)
            begin_from = known + 1
        certain = [k for k in active if k >= first + config.min_duration_steps - 1 and k >= first_true_step]
        if certain:
            found.append(Span(first, last, certain[0], known))
            begin_from = max(begin_from, last + 1 + config.refractory_steps)
    return found


def specified(scores: np.ndarray, configs: list[EventConfig], clock: StepClock) -> list[Event]:
    """Return all reports of a recording in the order in which they are made."""
    reports: list[tuple[tuple[int, int, int], Event]] = []
    for index, config in enumerate(configs):
        lag = config.smoothing_steps // 2
        values = smooth([int(score) for score in scores[:, index]], config)

        def sample(step: int, lag: int = lag) -> int:
            return max(0, (step - lag - clock.target_delay_steps) * clock.step_samples + clock.origin_samples)

        first_true_step = next(k for k in range(10**6) if sample(k + 1) > 0)
        for span in spans(values, config, first_true_step):
            peak = max(values[span.first : span.last + 1])
            until_announced = max(values[span.first : span.announced_at + 1])
            for order, at, offset, confidence in (
                (0, span.announced_at, None, until_announced),
                (1, min(span.completed_at, len(values)), sample(span.last + 1), peak),
            ):
                event = Event(
                    label=f"class{index}",
                    onset_sample=sample(span.first),
                    offset_sample=offset,
                    confidence=(confidence + 128) / 256,
                    sample_rate_hz=clock.sample_rate_hz,
                )
                reports.append(((at, index, order), event))
    return [event for _, event in sorted(reports, key=lambda report: report[0])]


@st.composite
def event_configs(draw: st.DrawFn) -> EventConfig:
    on_score = draw(st.integers(-127, 127))
    min_duration = draw(st.integers(1, 5))
    return EventConfig(
        on_score=on_score,
        off_score=draw(st.integers(-127, on_score)),
        smoothing_steps=draw(st.sampled_from([1, 1, 3, 5, 15])),
        min_duration_steps=min_duration,
        merge_gap_steps=draw(st.integers(0, 4)),
        refractory_steps=draw(st.integers(0, 6)),
        max_duration_steps=draw(st.sampled_from([0, min_duration, min_duration + 1, min_duration + 7])),
    )


@st.composite
def recordings(draw: st.DrawFn) -> tuple[np.ndarray, list[EventConfig], StepClock]:
    """Draw scores that stay near the thresholds, the settings of each class, and a clock."""
    configs = draw(st.lists(event_configs(), min_size=1, max_size=3))
    columns = []
    steps = draw(st.integers(0, 80))
    for config in configs:
        near = st.sampled_from(
            [-128, config.off_score - 1, config.off_score, config.on_score - 1, config.on_score, 127]
        )
        columns.append(draw(st.lists(near, min_size=steps, max_size=steps)))
    scores = np.array(columns, np.int8).T.reshape(steps, len(configs))
    clock = StepClock(
        sample_rate_hz=16000,
        step_samples=draw(st.integers(1, 600)),
        origin_samples=draw(st.integers(0, 700)),
        target_delay_steps=draw(st.integers(0, 4)),
    )
    return scores, configs, clock


def decoder_of(configs: list[EventConfig], clock: StepClock) -> EventDecoder:
    return EventDecoder([f"class{index}" for index in range(len(configs))], configs, clock)


@settings(max_examples=600)
@given(recordings())
def test_events_vs_python_specification(recording: tuple[np.ndarray, list[EventConfig], StepClock]) -> None:
    """Same reports, same order of announcement; completions at the end of the stream may be ordered by class."""
    scores, configs, clock = recording
    decoder = decoder_of(configs, clock)
    pushed, flushed = decoder.push(scores), decoder.flush()
    expected = specified(scores, configs, clock)
    assert pushed == expected[: len(pushed)]
    assert sorted(flushed, key=repr) == sorted(expected[len(pushed) :], key=repr)


@settings(max_examples=150)
@given(recordings(), st.lists(st.integers(1, 20), min_size=1))
def test_chunked_equals_one_shot(recording: tuple[np.ndarray, list[EventConfig], StepClock], sizes: list[int]) -> None:
    scores, configs, clock = recording
    whole = decoder_of(configs, clock)
    one_shot = whole.push(scores) + whole.flush()
    again = whole.push(scores) + whole.flush()
    parts = decoder_of(configs, clock)
    chunked, position = [], 0
    while position < len(scores):
        size = sizes[position % len(sizes)]
        chunked += parts.push(scores[position : position + size])
        position += size
    assert chunked + parts.flush() == one_shot
    assert again == one_shot  # nothing is left over from the recording before


@settings(max_examples=150)
@given(recordings())
def test_events_of_one_class_are_apart_and_long_enough(
    recording: tuple[np.ndarray, list[EventConfig], StepClock],
) -> None:
    scores, configs, clock = recording
    decoder = decoder_of(configs, clock)
    reports = decoder.push(scores) + decoder.flush()
    for index, config in enumerate(configs):
        events = completed(event for event in reports if event.label == f"class{index}")
        announced = [event for event in reports if event.label == f"class{index}" and event.offset_sample is None]
        assert [event.onset_sample for event in announced] == [event.onset_sample for event in events]
        for event in events:
            assert event.offset_sample is not None
            assert event.offset_sample > event.onset_sample
            longest = config.max_duration_steps * clock.step_samples
            assert not longest or event.offset_sample - event.onset_sample <= longest
        for before, after in itertools.pairwise(events):
            assert before.offset_sample is not None
            assert after.onset_sample >= before.offset_sample + config.refractory_steps * clock.step_samples
