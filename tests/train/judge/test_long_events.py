"""Events of seconds: heard in pieces or begun late they are heard, by overlap, and are no false alarms."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.events import EventConfig
from stapes.runtime.labels import Annotation
from stapes.train.judge.alarm_curve import ClassEvents
from stapes.train.judge.false_alarms import false_alarms, untouching
from stapes.train.judge.intersection import Times, intersect
from stapes.train.judge.metrics import event_scores, match_times, onset_collar
from stapes.train.judge.operating_point import OperatingPoint
from stapes.train.judge.scored import ScoredRecordings
from stapes.train.settings import OperatingPointSettings

REFEREES = Path(__file__).with_name("referees")
BY_PSDS_EVAL = json.loads((REFEREES / "overlap_by_psds_eval.json").read_text())


def _random_case(seed: int) -> tuple[list[str], list]:
    spec = importlib.util.spec_from_file_location("referee_psds", REFEREES / "psds.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.random_case(seed)


def _runs(scores: np.ndarray, edges: np.ndarray, classes: list[str], level: int) -> list[Annotation]:
    """The runs of steps with a score of at least `level`, which the referee was given."""
    change = np.diff((scores >= level).astype(np.int8), prepend=0, append=0, axis=0)
    return [
        Annotation(edges[begin], edges[end], label)
        for column, label in enumerate(classes)
        for begin, end in zip(*(np.flatnonzero(change[:, column] == turn) for turn in (1, -1)), strict=True)
    ]


def _cries(pieces: list[tuple[float, float]]) -> tuple[dict[str, list[Annotation]], dict[str, list[Annotation]]]:
    """Ten cries of 5 s in ten minutes, and what is detected of each, in seconds from its onset."""
    true = [Annotation(10 + 60 * index, 15 + 60 * index, "cry") for index in range(10)]
    found = [Annotation(each.onset + first, each.onset + last, "cry") for each in true for first, last in pieces]
    return {"night.wav": true}, {"night.wav": found}


@pytest.mark.parametrize(
    ("pieces", "hits"),
    [
        ([(0.1, 1.6), (1.9, 3.1), (3.4, 4.9)], 10),  # in pieces, the first of them in time
        ([(0.6, 4.8)], 0),  # begun late
        ([(-0.5, 5.5)], 0),  # begun early
    ],
)
def test_ten_cries_that_are_heard_are_found_by_overlap_and_are_no_false_alarms(
    pieces: list[tuple[float, float]], hits: int
) -> None:
    """By hand. By onset they stay what they are: every piece that does not begin in time is a false alarm."""
    reference, detected = _cries(pieces)
    duration_s = {"night.wav": 600.0}
    one = event_scores(reference, detected, duration_s, ["cry"]).classes["cry"]
    assert (one.overlap_recall.value, one.overlap_precision, one.f1_overlap.value) == (1.0, 1.0, 1.0)
    rate = false_alarms(reference, detected, duration_s, ["cry"]).classes["cry"]
    assert (rate.alarms, rate.hours) == (0, pytest.approx((600 - 10 * 5.4) / 3600))
    assert (one.n_hits, one.recall) == (hits, hits / 10)
    assert one.false_alarms_per_hour.value == pytest.approx((10 * len(pieces) - hits) * 6)


def test_a_short_part_of_a_cry_does_not_find_it_and_a_long_event_around_it_does_not_count() -> None:
    """2.4 of 5 s are less than half; of 10.1 s around a cry of 5 s, less than half lies on it."""
    for pieces, counts in (([(0.0, 2.4)], True), ([(-2.0, 8.1)], False)):
        reference, detected = _cries(pieces)
        one = event_scores(reference, detected, {"night.wav": 600.0}, ["cry"]).classes["cry"]
        assert one.overlap_recall.value == 0.0
        assert one.f1_overlap.value == 0.0
        # an event that counts and finds nothing is neither found nor false
        assert np.isnan(one.overlap_precision) == counts
        assert not untouching(reference["night.wav"], detected["night.wav"])


@pytest.mark.parametrize("seed", [int(seed) for seed in BY_PSDS_EVAL])
def test_f1_by_overlap_vs_psds_eval(seed: int) -> None:
    classes, recordings = _random_case(seed)
    reference = {str(name): [Annotation(*event) for event in events] for name, (_, _, events) in enumerate(recordings)}
    for level, expected in BY_PSDS_EVAL[str(seed)].items():
        detected = {
            str(name): _runs(scores, edges, classes, int(level)) for name, (scores, edges, _) in enumerate(recordings)
        }
        scores = event_scores(reference, detected, dict.fromkeys(reference, 20.0), classes)
        assert scores.macro_f1_overlap.value == pytest.approx(expected["macro"], abs=1e-12)
        for label in classes:
            assert scores.classes[label].f1_overlap.value == pytest.approx(expected[label], abs=1e-12)


def _random_times(rng: np.random.Generator, n: int) -> Times:
    onset = rng.integers(0, 900, n)
    return np.stack([onset, onset + rng.integers(1, 120, n)], axis=1) * 1000


def test_overlaps_vs_counting_millisecond_by_millisecond() -> None:
    rng = np.random.default_rng(6)
    n_found = 0
    for _ in range(60):
        reference, detected = _random_times(rng, 6), _random_times(rng, 9)
        on_true = np.zeros(1100, bool)
        for first, last in reference // 1000:
            on_true[first:last] = True
        counts = [on_true[first:last].mean() >= 0.5 for first, last in detected // 1000]
        covered = np.zeros(1100, bool)
        for first, last in detected[counts] // 1000:
            covered[first:last] = True
        found = [covered[first:last].mean() >= 0.5 for first, last in reference // 1000]
        own = intersect(reference, detected)
        np.testing.assert_array_equal(own[0], found)
        np.testing.assert_array_equal(own[1], counts)
        n_found += sum(found)
    assert 30 < n_found < 330


def test_a_class_with_point_labels_has_no_figures_by_overlap() -> None:
    events = {"a": [Annotation(1, 1, "tap"), Annotation(3, 4, "cry")]}
    scores = event_scores(
        events, {"a": [Annotation(1, 1.1, "tap"), Annotation(3, 4, "cry")]}, {"a": 10.0}, ["tap", "cry"]
    )
    assert np.isnan(scores.classes["tap"].f1_overlap.value)
    assert np.isnan(scores.classes["tap"].overlap_recall.value)
    assert scores.macro_f1_overlap.value == 1.0


def test_a_collar_that_grows_with_length_vs_trying_every_pair() -> None:
    """Single candidates far apart, so that the largest matching is every pair within the limits."""
    rng = np.random.default_rng(8)
    onset = np.arange(200) * 100_000_000
    reference = np.stack([onset, onset + rng.integers(0, 8_000_000, 200)], axis=1)
    detected = reference + rng.integers(-1_000_000, 1_000_000, (200, 1))
    expected = [
        index
        for index, (true, found) in enumerate(zip(reference.tolist(), detected.tolist(), strict=True))
        if abs(true[0] - found[0]) <= max(200_000, (true[1] - true[0]) // 5)
    ]
    rows, columns = match_times(reference, detected, onset_collar(20))
    assert rows.tolist() == columns.tolist() == expected
    assert len(match_times(reference, detected)[0]) < len(expected) < 200


def test_a_cry_of_5_s_may_begin_1_s_late_within_a_fifth_of_its_length() -> None:
    for late, hits in ((1.0, 10), (1.001, 0)):
        reference, detected = _cries([(late, 5.0)])
        one = event_scores(reference, detected, {"night.wav": 600.0}, ["cry"], onset_collar(20)).classes["cry"]
        assert one.n_hits == hits


CLOCK = StepClock(sample_rate_hz=16_000, step_samples=512, origin_samples=128, target_delay_steps=3)


@pytest.fixture(scope="module")
def begun_late() -> ScoredRecordings:
    """Cries whose scores rise to .6 after a third of them, and decoys of .9 for a sixth as long at other places."""
    names, scores, reference = [], [], {}
    for index in range(4):
        probability = np.full((1200, 1), 0.02)
        events = []
        for first in range(100, 1100, 250):
            probability[first + 30 : first + 90] = 0.6
            probability[first + 150 : first + 165] = 0.9
            times = [((step - CLOCK.target_delay_steps) * 512 + 128) / 16_000 for step in (first, first + 90)]
            events.append(Annotation(times[0], times[1], "cry", columns={"source": f"{index}"}))
        names.append(f"{index}.wav")
        scores.append((probability * 256 - 128).astype(np.int8))
        reference[names[-1]] = events
    return ScoredRecordings(tuple(names), tuple(scores), reference, ("cry",), CLOCK)


def test_settings_that_are_chosen_by_overlap_find_what_begins_late(begun_late: ScoredRecordings) -> None:
    """No setting finds such a cry by onset, so there is none to choose; by overlap all of them are found."""
    settings = OperatingPointSettings(
        false_alarms_per_hour=200.0, smoothing_steps=(1,), min_duration_steps=(1, 16, 32), merge_gap_steps=(0,)
    )
    by_onset = OperatingPoint(begun_late, settings)
    assert by_onset.points[0].rule == "no thresholds find an event"
    assert "200 false alarms per hour are not kept" in by_onset.points[0].unmet
    for of_limit in (settings, replace(settings, false_alarms_per_hour=0.0)):
        point = OperatingPoint(begun_late, replace(of_limit, hits="overlap"))
        detected = begun_late.events(point.configs)
        durations_s = dict.fromkeys(begun_late.names, 1200 * 0.032)
        one = event_scores(begun_late.reference, detected, durations_s, ["cry"]).classes["cry"]
        assert (one.overlap_recall.value, one.overlap_precision, one.recall) == (1.0, 1.0, 0.0)
        assert point.points[0].rate.alarms == 0
        assert "by overlap" in point.points[0].rule
        expected = point.expected_on_other_sources()
        assert expected is not None
        assert expected.classes["cry"].f1_overlap.value == expected.macro_f1_overlap.value == 1.0


def test_settings_that_are_chosen_within_a_longer_collar_find_what_begins_late(begun_late: ScoredRecordings) -> None:
    """A third of 2.9 s late: within 40 % of the length, not within 20 %."""
    settings = OperatingPointSettings(smoothing_steps=(1,), min_duration_steps=(1, 16, 32), merge_gap_steps=(0,))
    for percent, recall in ((20.0, 0.0), (40.0, 1.0)):
        point = OperatingPoint(begun_late, replace(settings, collar_percent=percent))
        expected = point.expected_on_other_sources()
        assert expected is not None
        assert expected.classes["cry"].recall == recall


def test_no_collar_reaches_into_the_recording_before() -> None:
    """By hand: a missed minute, with a collar as long as itself, and a false event 2 s before its recording."""
    clock = StepClock(sample_rate_hz=16_000, step_samples=1600, origin_samples=0, target_delay_steps=0)
    scores = np.full((2, 600, 1), -128, np.int8)
    scores[0, 580:590] = 127
    reference = {"a.wav": [], "b.wav": [Annotation(0.0, 60.0, "cry")]}
    scored = ScoredRecordings(("a.wav", "b.wav"), tuple(scores), reference, ("cry",), clock)
    hits, false = ClassEvents(scored, "cry").matches(EventConfig(), onset_collar(100))
    assert (hits.tolist(), false.tolist()) == ([0], [1, 0])
