"""Recall at a rate of alarms, alarms away from distractors, and average precision equal their plain specifications."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.events import EventConfig
from stapes.runtime.labels import Annotation
from stapes.train.data.corpus import event_samples
from stapes.train.judge.alarm_curve import ON_SCORES, alarm_curve, at_threshold, hits_within
from stapes.train.judge.event_free import AWAY, DURING, MARGIN_S, EventFreeTime
from stapes.train.judge.frame_precision import average_precision, score_counts
from stapes.train.judge.metrics import match_events
from stapes.train.judge.scored import ScoredRecordings
from stapes.train.learn.targets import step_targets

CLOCK = StepClock(sample_rate_hz=16_000, step_samples=512, origin_samples=128, target_delay_steps=3)
CONFIG = EventConfig(on_score=-40, off_score=-80, smoothing_steps=3, min_duration_steps=2, merge_gap_steps=1)
Intervals = dict[str, list[Annotation]]


def _interval(onset: float, offset: float, label: str = "a", source: str = "") -> Annotation:
    return Annotation(onset, offset, label, columns={"source": source} if source else {})


@pytest.fixture(scope="module")
def scored() -> ScoredRecordings:
    """Six recordings: events of a and b with scores of various heights, and bumps of a where nothing is annotated."""
    rng = np.random.default_rng(7)
    names, scores, reference = [], [], {}
    for index in range(6):
        probability = rng.uniform(0, 0.3, (900, 2))
        events = []
        for number, step in enumerate(range(40, 860, 90)):
            column = number % 2
            probability[step : step + 8, column] = rng.uniform(0.2, 1.0)
            probability[step + 40 : step + 45, 0] = rng.uniform(0.1, 0.9)
            onset = CLOCK.begin_s(step)
            events.append(_interval(onset, onset + 0.25, "ab"[column], f"source {number % 3}"))
        names.append(f"{index}.wav")
        scores.append((probability * 255).astype(int).clip(0, 255).astype(np.int16) - 128)
        reference[names[-1]] = events
    return ScoredRecordings(tuple(names), tuple(each.astype(np.int8) for each in scores), reference, ("a", "b"), CLOCK)


@pytest.fixture(scope="module")
def distractors() -> Intervals:
    """Some intervals: overlapping ones, one that touches an event, one past the end, and one of another recording."""
    return {
        "0.wav": [_interval(3, 6, "speech"), _interval(5, 7, "kitchen"), _interval(20, 20.1, "speech")],
        "1.wav": [_interval(0, 2, "speech"), _interval(27, 40, "speech")],
        "5.wav": [_interval(10, 12, "speech")],
        "other.wav": [_interval(0, 30, "speech")],
    }


@pytest.fixture(scope="module")
def by_hand(scored: ScoredRecordings, distractors: Intervals) -> list[tuple[int, int, int]]:
    """Alarms of class a AWAY and DURING distractors, and hits, at each threshold, counted one event after another."""
    table = []
    for on_score in ON_SCORES:
        events = scored.events([at_threshold(CONFIG, on_score), EventConfig(on_score=127, off_score=127)])
        alarms, hits = [0, 0], 0
        for name in scored.names:
            own, found = ([each for each in lists[name] if each.label == "a"] for lists in (scored.reference, events))
            hits += len(match_events(own, found))
            for event in found:
                if not any(_near(event.onset, each) for each in scored.reference[name]):
                    alarms[DURING if any(_near(event.onset, each) for each in distractors.get(name, ())) else AWAY] += 1
        table.append((alarms[AWAY], alarms[DURING], hits))
    return table


def _near(time: float, interval: Annotation) -> bool:
    return interval.onset - MARGIN_S <= time < interval.offset + MARGIN_S


def test_alarms_and_hits_at_each_threshold_equal_a_count_by_hand(
    scored: ScoredRecordings, distractors: Intervals, by_hand: list[tuple[int, int, int]]
) -> None:
    """The referee takes the events of the streaming decoder one by one and compares their times in seconds."""
    curve = alarm_curve(scored, scored, EventFreeTime(scored, distractors), "a", CONFIG)
    counted = np.column_stack([curve.alarms.sum(axis=1), curve.hits.sum(axis=1)])
    assert counted.tolist() == [list(row) for row in by_hand]
    assert counted.max(axis=0).min() > 5  # each kind of event occurs


def test_event_free_hours_equal_those_on_a_fine_grid(scored: ScoredRecordings, distractors: Intervals) -> None:
    hours = EventFreeTime(scored, distractors).hours
    for row, name in enumerate(scored.names):
        times = np.arange(0, scored.hours[row] * 3600, 0.005)
        event, other = (
            np.any(
                [[_near(time, each) for time in times] for each in intervals] or [np.zeros(len(times), bool)], axis=0
            )
            for intervals in (scored.reference[name], distractors.get(name, ()))
        )
        expected = [(~event & ~other).sum(), (~event & other).sum()]
        assert hours[row] * 3600 == pytest.approx(np.array(expected) * 0.005, abs=0.2)


@pytest.mark.parametrize("per_hour", [0, 50, 200, 1000, 1e6])
def test_recall_at_a_rate_equals_a_search_by_hand(
    scored: ScoredRecordings, distractors: Intervals, by_hand: list[tuple[int, int, int]], per_hour: float
) -> None:
    """The referee lowers the threshold until there are too many alarms."""
    free, best = EventFreeTime(scored, distractors), 0
    for away, during, hits in by_hand:
        if away + during > per_hour * free.hours.sum():
            break
        best = max(best, hits)
    annotated = sum(each.label == "a" for events in scored.reference.values() for each in events)
    recall = alarm_curve(scored, scored, free, "a", CONFIG).recall_at(per_hour)
    assert recall.value == best / annotated
    assert recall.low <= recall.value <= recall.high


def test_thresholds_below_the_first_with_too_many_alarms_do_not_count() -> None:
    hits, alarms = np.array([0.0, 1, 2, 9]), np.array([0.0, 3, 5, 1])
    assert [hits_within(hits, alarms, np.array(most)) for most in (0.0, 3.0, 4.9, 5.0)] == [0, 1, 1, 9]


def test_the_chosen_threshold_is_one_of_the_curve() -> None:
    """A curve that has not the operating point itself could not be compared with it."""
    rng = np.random.default_rng(0)
    for on in rng.integers(-127, 128, 100).tolist():
        for off in rng.integers(-127, on + 1, 5).tolist():
            config = EventConfig(on_score=on, off_score=off)
            assert at_threshold(config, on) == config


def test_average_precision_equals_that_of_sklearn(scored: ScoredRecordings) -> None:
    """The referee is sklearn's average_precision_score, with recordings drawn by sample weights."""
    counts = score_counts(scored)
    weights = np.random.default_rng(1).integers(0, 3, len(scored.names))
    active = [
        step_targets(CLOCK, len(each), event_samples(scored.reference[name], scored.classes, 16_000), 2) >= 0.5
        for name, each in zip(scored.names, scored.scores, strict=True)
    ]
    drawn = np.repeat(weights, [len(each) for each in scored.scores])
    for column in range(2):
        expected = average_precision_score(
            np.concatenate(active)[:, column], np.concatenate(scored.scores)[:, column], sample_weight=drawn
        )
        assert average_precision(np.tensordot(weights, counts[column], 1)) == pytest.approx(expected, abs=1e-12)
