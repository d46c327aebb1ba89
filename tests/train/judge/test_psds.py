"""PSDS against sed_scores_eval and psds_eval (values made in environments of their own), a specification, by hand."""

import importlib.util
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from stapes.runtime.labels import Annotation
from stapes.train.judge.metrics import resample_weights
from stapes.train.judge.psds import (
    LEVELS,
    SCENARIO_1,
    SCENARIO_2,
    Criteria,
    TimedScores,
    area,
    class_rates,
    count_detections,
    psds,
    psds_estimate,
)

REFEREE = Path(__file__).with_name("referees") / "psds.py"
EXPECTED = json.loads(REFEREE.with_suffix(".json").read_text())
BY_PSDS_EVAL = json.loads(REFEREE.with_name("psds_by_psds_eval.json").read_text())
SCENARIOS = {0: replace(SCENARIO_1, max_false_per_hour=2000.0), 1: replace(SCENARIO_2, max_false_per_hour=2000.0)}


def _case(seed: int) -> tuple[list[str], list[TimedScores]]:
    spec = importlib.util.spec_from_file_location("referee_psds", REFEREE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    classes, recordings = module.random_case(seed)
    return classes, [
        TimedScores(scores, edges, [Annotation(*each) for each in annotations], 20.0)
        for scores, edges, annotations in recordings
    ]


@pytest.mark.parametrize("seed", [int(seed) for seed in EXPECTED])
def test_psds_vs_sed_scores_eval(seed: int) -> None:
    classes, recordings = _case(seed)
    for scenario, expected in enumerate(EXPECTED[str(seed)]):
        if expected is not None:
            assert psds(recordings, classes, SCENARIOS[scenario]).value == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("seed", [int(seed) for seed in BY_PSDS_EVAL])
def test_psds_vs_psds_eval_given_every_threshold(seed: int) -> None:
    """Given all 256 thresholds it has the same staircase: only the order of some 1000 float64 sums differs.

    Two and three classes: with a single one it gives a perfect system 0.
    """
    classes, recordings = _case(seed)
    assert len(classes) > 1
    for scenario, expected in enumerate(BY_PSDS_EVAL[str(seed)]):
        assert psds(recordings, classes, SCENARIOS[scenario]).value == pytest.approx(expected, rel=0, abs=1e-12)


def test_the_referee_gave_values_that_tell_systems_apart() -> None:
    values = [value for pair in EXPECTED.values() for value in pair if value is not None]
    assert len(values) == 20
    assert len(set(values)) == 20
    assert min(values) < 0.3
    assert max(values) > 0.4


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_each_draw_of_the_interval_is_the_psds_of_the_recordings_drawn(scenario: int) -> None:
    """The fast way (counts once per recording, added up) beside the plain one (recordings written out, judged)."""
    classes, recordings = _case(2)
    silent = replace(recordings[0], annotations=[e for e in recordings[0].annotations if e.label != "b"])
    recordings = [silent, *recordings[1:3]]
    values = []
    for weights in resample_weights(len(recordings), 60):
        drawn = [each for each, count in zip(recordings, weights, strict=True) for _ in range(int(count))]
        values.append(psds(drawn, classes, SCENARIOS[scenario]).value)
    rates = class_rates(recordings, classes, SCENARIOS[scenario], resample_weights(len(recordings), 60))
    fast = [area(rates, draw, SCENARIOS[scenario]).value for draw in range(60)]
    np.testing.assert_allclose(fast, values, atol=1e-9)
    assert len(set(values)) > 5


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_interval_of_psds_is_the_central_95_percent_of_its_draws(scenario: int) -> None:
    classes, recordings = _case(1)
    found = psds_estimate(recordings, classes, SCENARIOS[scenario])
    rates = class_rates(recordings, classes, SCENARIOS[scenario], resample_weights(len(recordings)))
    values = [area(rates, draw, SCENARIOS[scenario]).value for draw in range(1000)]
    assert found.value == psds(recordings, classes, SCENARIOS[scenario]).value
    assert (found.low, found.high) == tuple(np.quantile(values, [0.025, 0.975]))
    assert found.low < found.value < found.high


def test_psds_without_events_has_no_value_and_no_interval() -> None:
    quiet = TimedScores(np.full((10, 1), -128, np.int8), np.arange(11) * 0.01, [], 0.1)
    found = psds_estimate([quiet], ["a"], SCENARIO_2)
    assert np.isnan([found.value, found.low, found.high]).all()


def _overlap(one: tuple[int, int], many: list[tuple[int, int]]) -> int:
    """How much of an interval lies on any of the others, counted millisecond by millisecond."""
    return sum(any(begin <= time < end for begin, end in many) for time in range(*one))


def _specification(case: TimedScores, label: str, others: list[str], level: int, criteria: Criteria) -> list[int]:
    """The definitions of Bilen et al., one detection and one event at a time; times in whole milliseconds."""
    edges = [round(1000 * edge) for edge in case.edges_s]
    column = "abc".index(label)
    runs: list[tuple[int, int]] = []
    for step, (begin, end) in enumerate(pairwise(edges)):
        if case.scores[step, column] >= level:
            runs = [*runs[:-1], (runs[-1][0], end)] if runs and runs[-1][1] == begin else [*runs, (begin, end)]
    of = {
        each: [(round(1000 * e.onset), round(1000 * e.offset)) for e in case.annotations if e.label == each]
        for each in [label, *others]
    }
    good = [run for run in runs if _overlap(run, of[label]) >= criteria.detection * (run[1] - run[0])]
    bad = [run for run in runs if run not in good]
    hits = [each for each in of[label] if _overlap(each, good) >= criteria.ground_truth * (each[1] - each[0])]
    crossed = [
        sum(bool(of[other]) and _overlap(run, of[other]) >= criteria.cross_trigger * (run[1] - run[0]) for run in bad)
        if criteria.cross_trigger is not None
        else 0
        for other in others
    ]
    return [len(hits), len(bad), *crossed]


def test_counts_vs_python_specification() -> None:
    """Overlapping and touching events of one class, too, which the referee refuses."""
    rng = np.random.default_rng(11)
    for _ in range(15):
        steps = int(rng.integers(1, 30))
        scores = rng.choice(np.array([-128, -20, 0, 5, 127], np.int8), (steps, 3))
        onsets = rng.integers(0, 30 * steps, 8)
        events = [Annotation(t / 1000, (t + rng.integers(1, 200)) / 1000, str(rng.choice(list("abc")))) for t in onsets]
        events += [Annotation(events[0].offset, events[0].offset + 0.05, events[0].label)]
        case = TimedScores(scores, np.arange(steps + 1) * 0.03, events, 1.0)
        for criteria in (SCENARIO_1, SCENARIO_2):
            curve = count_detections([case], "abc", "b", ["a", "c"], criteria)
            for level in (-128, -127, -20, -3, 0, 1, 5, 127):
                index = int(np.flatnonzero(level == LEVELS)[0])
                counts = [table[0, index] for table in (curve.true_positives, curve.false_positives)]
                counts += list(curve.cross_triggers[0, index])
                assert counts == _specification(case, "b", ["a", "c"], level, criteria)


def _perfect(events: list[Annotation], classes: str) -> TimedScores:
    scores = np.full((1000, len(classes)), -128, np.int8)
    for each in events:
        scores[round(each.onset * 100) : round(each.offset * 100), classes.index(each.label)] = 100
    return TimedScores(scores, np.arange(1001) * 0.01, events, 10.0)


@pytest.mark.parametrize("criteria", [SCENARIO_1, SCENARIO_2])
def test_a_perfect_system_scores_one_with_one_class_and_with_two(criteria: Criteria) -> None:
    """psds_eval gives a perfect single-class system 0, and sed_scores_eval raises TypeError for it in scenario 2."""
    one = [Annotation(1, 2, "a"), Annotation(2.5, 3, "a")]
    assert psds([_perfect(one, "a")], ["a"], criteria).value == 1.0
    assert psds([_perfect([*one, Annotation(1.5, 5, "b")], "ab")], ["a", "b"], criteria).value == 1.0


def test_touching_and_overlapping_events_of_one_class_can_be_found() -> None:
    """One run over three events that touch and overlap covers each of them."""
    events = [Annotation(1, 2, "a"), Annotation(2, 3, "a"), Annotation(2.5, 4, "a")]
    assert psds([_perfect(events, "a")], ["a"], SCENARIO_1).value == 1.0


def test_an_event_free_recording_lowers_the_score_by_its_false_alarms() -> None:
    """By hand: a false alarm at a higher score than the event, in 36 s: 100 per hour from there on, the limit."""
    truth = _perfect([Annotation(1, 2, "a")], "a")
    quiet = TimedScores(np.full((1000, 1), -128, np.int8), np.arange(1001) * 0.01, [], 26.0)
    assert psds([truth, quiet], ["a"], SCENARIO_1).value == 1.0
    alarmed = quiet.scores.copy()
    alarmed[100:200] = 120
    noisy = replace(quiet, scores=alarmed)
    assert psds([truth, noisy], ["a"], SCENARIO_1).value == 0.0
    longer = replace(noisy, duration_s=62.0)  # 50 per hour: the event counts for the other half of the axis
    assert psds([truth, longer], ["a"], SCENARIO_1).value == 0.5


def test_classes_without_extent_or_events_are_left_out() -> None:
    point = [Annotation(1, 1, "a"), Annotation(3, 4, "b")]
    assert list(psds([_perfect(point, "abc")], list("abc"), SCENARIO_1).classes) == ["b"]
    assert np.isnan(psds([_perfect(point[:1], "a")], ["a"], SCENARIO_1).value)
