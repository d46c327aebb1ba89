"""Situations in which an event decoder can go wrong, each worked out by hand."""

from typing import Any

import numpy as np
import pytest

from stapes.firmware_sim._native import ffi, lib
from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.event_sweep import EventSweep
from stapes.firmware_sim.device.events import SILENT, Event, EventConfig, EventDecoder, probability
from stapes.firmware_sim.errors import ConfigError

CLOCK = StepClock(sample_rate_hz=1000, step_samples=10, origin_samples=0, target_delay_steps=0)
LETTERS = {".": -100, "-": -10, "#": 100}  # below off, between off and on, above on


def steps(picture: str) -> np.ndarray:
    return np.array([LETTERS[letter] for letter in picture], np.int8).reshape(-1, 1)


def reports(picture: str, clock: StepClock = CLOCK, **config: Any) -> list[tuple[int, int | None]]:
    """Return onset and offset of each report in steps; an announcement has the offset None."""
    decoder = EventDecoder(["x"], [EventConfig(**config)], clock)
    return [in_steps(event) for event in decoder.push(steps(picture)) + decoder.flush()]


def in_steps(event: Event) -> tuple[int, int | None]:
    return event.onset_sample // 10, None if event.offset_sample is None else event.offset_sample // 10


@pytest.mark.parametrize(
    ("picture", "config", "expected"),
    [
        ("..##-..", {}, [(2, None), (2, 5)]),
        ("..--...", {}, []),
        ("....###", {}, [(4, None), (4, 7)]),  # open at the end
        ("###....", {}, [(0, None), (0, 3)]),  # open from the beginning
        ("#.##.#.", {}, [(0, None), (0, 1), (2, None), (2, 4), (5, None), (5, 6)]),
        ("#.#..#.", {"merge_gap_steps": 1}, [(0, None), (0, 3), (5, None), (5, 6)]),
        ("#.-.#..", {"merge_gap_steps": 3}, [(0, None), (0, 5)]),  # a gap ends at on_score, not at off_score
        ("##...##", {"merge_gap_steps": 2}, [(0, None), (0, 2), (5, None), (5, 7)]),
        ("#......", {"merge_gap_steps": 20}, [(0, None), (0, 1)]),  # still in the gap at the end
        (".#.##..", {"min_duration_steps": 2}, [(3, None), (3, 5)]),
        (".#.#...", {"min_duration_steps": 3, "merge_gap_steps": 1}, [(1, None), (1, 4)]),
        ("#.#.#..", {"refractory_steps": 2}, [(0, None), (0, 1), (4, None), (4, 5)]),
        ("#.####.", {"refractory_steps": 3}, [(0, None), (0, 1), (4, None), (4, 6)]),
        (
            "#.##...",
            {"min_duration_steps": 2, "refractory_steps": 4},
            [(2, None), (2, 4)],
        ),  # dropped: blocks nothing
        ("####-#.", {"max_duration_steps": 2}, [(0, None), (0, 2)]),  # never below off_score: no second event
        ("###.#..", {"max_duration_steps": 2}, [(0, None), (0, 2), (4, None), (4, 5)]),
        ("##.##..", {"max_duration_steps": 3, "merge_gap_steps": 2}, [(0, None), (0, 2), (3, None), (3, 5)]),
        (".#..##.", {"smoothing_steps": 3}, [(4, None), (4, 6)]),  # the median removes a single step and moves no edge
        ("....###", {"smoothing_steps": 5}, [(4, None), (4, 7)]),
        ("", {}, []),
    ],
)
def test_events_by_hand(picture: str, config: dict[str, int], expected: list[tuple[int, int | None]]) -> None:
    assert reports(picture, **config) == expected


def test_the_delays_are_subtracted_and_nothing_reaches_before_the_recording() -> None:
    clock = StepClock(sample_rate_hz=1000, step_samples=10, origin_samples=0, target_delay_steps=3)
    assert reports(".....##..", clock) == [(2, None), (2, 4)]
    assert reports(".....##..", clock, smoothing_steps=3) == [(2, None), (2, 4)]
    assert reports(".####....", clock) == [(0, None), (0, 2)]
    assert reports("###......", clock) == []  # stands for time before the recording


def test_an_event_is_announced_as_soon_as_it_is_certain() -> None:
    decoder = EventDecoder(["x"], [EventConfig(min_duration_steps=3)], CLOCK)
    per_step = [[in_steps(event) for event in decoder.push(row[None])] for row in steps(".####..")]
    assert per_step == [[], [], [], [(1, None)], [], [(1, 5)], []]


def test_classes_do_not_touch_each_other() -> None:
    decoder = EventDecoder(["a", "b"], [EventConfig(), EventConfig(smoothing_steps=3)], CLOCK)
    scores = np.hstack([steps("##..##."), steps(".####..")])
    events = decoder.push(scores) + decoder.flush()
    alone = [
        EventDecoder([label], [config], CLOCK)
        for label, config in (("a", EventConfig()), ("b", EventConfig(smoothing_steps=3)))
    ]
    for index, decoder in enumerate(alone):
        column = np.ascontiguousarray(scores[:, index : index + 1])
        label = "ab"[index]
        assert [event for event in events if event.label == label] == decoder.push(column) + decoder.flush()


def test_confidence_is_the_highest_smoothed_probability() -> None:
    decoder = EventDecoder(["x"], [EventConfig(min_duration_steps=2)], CLOCK)
    events = decoder.push(np.array([[10], [20], [127], [-128]], np.int8))
    assert [event.confidence for event in events] == [148 / 256, 255 / 256]


@pytest.mark.parametrize("first_sample", [2**31 - 45, 2**32 - 45, 2**53 - 45, 2**60])
def test_the_clock_does_not_wrap(first_sample: int) -> None:
    """A recording that has gone on for 2^31, 2^32 and more samples has the same events, moved."""
    decoder = EventDecoder(["x"], [EventConfig(smoothing_steps=3, merge_gap_steps=1)], CLOCK)
    picture = steps(".##.##..####")
    decoder.push(picture)
    decoder.reset()
    expected = decoder.push(picture) + decoder.flush()
    decoder.reset(first_sample)
    moved = decoder.push(picture) + decoder.flush()
    assert [event.onset_sample - first_sample for event in moved] == [event.onset_sample for event in expected]
    assert [(event.offset_sample or 0) - first_sample for event in moved if event.offset_sample is not None] == [
        event.offset_sample for event in expected if event.offset_sample is not None
    ]


def test_an_event_that_lasts_for_years_neither_wraps_nor_ends() -> None:
    """The age of an event stays at its maximum instead of wrapping to 0."""
    config = ffi.new("stapes_event_config[]", [{"on_score": 0, "smoothing_steps": 1, "min_duration_steps": 1}])
    setup = ffi.new("stapes_event_setup *", (config, 1, 512, 128, 0))
    classes, events = ffi.new("stapes_event_class[]", 1), ffi.new("stapes_events *")
    out, loud = ffi.new("stapes_event[]", 6), ffi.new("int8_t[]", [100] * 3)
    lib.stapes_events_init(events, setup, classes)
    assert lib.stapes_events_push(events, loud, 1, out) == 1
    classes[0].age = 2**32 - 2
    assert lib.stapes_events_push(events, loud, 3, out) == 0
    assert classes[0].age == 2**32 - 1
    assert lib.stapes_events_flush(events, out) == 1
    assert out[0].onset_sample == 128


def test_a_silent_class_never_gives_an_event() -> None:
    """Not at the highest score, not for an hour of steps, and not at the end; other classes are as they are."""
    scores = np.full((120_000, 2), 127, np.int8)
    decoder = EventDecoder(["loud", "silent"], [EventConfig(), SILENT], CLOCK)
    assert {event.label for event in decoder.push(scores) + decoder.flush()} == {"loud"}
    (sweep,) = EventSweep([scores[:, 1]], [0], CLOCK).events([SILENT])
    assert len(sweep) == 0


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"off_score": 5, "on_score": 4}, "off_score 5 and on_score 4"),
        ({"off_score": -128}, "off_score -128"),
        ({"on_score": 128}, "on_score 128"),
        ({"smoothing_steps": 4}, "smoothing_steps is 4"),
        ({"smoothing_steps": 17}, "smoothing_steps is 17"),
        ({"min_duration_steps": 0}, "min_duration_steps is 0"),
        ({"merge_gap_steps": -1}, "merge_gap_steps is -1"),
        ({"refractory_steps": 2**31}, "refractory_steps is 2147483648"),
        ({"max_duration_steps": 2, "min_duration_steps": 3}, "max_duration_steps is 2"),
        ({"on_score": 0.5}, "on_score is 0.5"),
    ],
)
def test_a_setting_out_of_range_is_named(config: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        EventConfig(**config)


def test_scores_of_another_type_or_shape_are_refused() -> None:
    decoder = EventDecoder(["x"], [EventConfig()], CLOCK)
    for scores in (np.zeros((3, 1), np.float32), np.zeros((3, 2), np.int8), np.zeros(3, np.int8)):
        with pytest.raises(ConfigError, match="need int8"):
            decoder.push(scores)
    with pytest.raises(ConfigError, match="need one for each class"):
        EventDecoder(["x", "y"], [EventConfig()], CLOCK)


def test_probabilities_are_the_scores_in_256ths() -> None:
    assert [probability(score) for score in (-128, 0, 127)] == [0.0, 0.5, 255 / 256]
    every = np.arange(-128, 128).astype(np.int8)
    np.testing.assert_array_equal(probability(every), np.arange(256) / 256)


@pytest.mark.parametrize("first_sample", [-1, 2**62 + 1, 10**30, 1.5, True, "0", None])
def test_a_first_sample_that_no_recording_has_is_refused(first_sample: Any) -> None:
    decoder = EventDecoder(["pop"], [EventConfig()], StepClock(16_000, 512, 128, 0))
    with pytest.raises(ConfigError, match=r"first_sample is .*: need a whole number from 0 to 4611686018427387904"):
        decoder.reset(first_sample)
