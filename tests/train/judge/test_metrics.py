"""Event metrics against sed_eval, against counting by hand, and where other libraries go wrong."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.labels import Annotation
from stapes.train.judge.metrics import (
    DETECTED,
    ONSET,
    ONSET_OFFSET,
    REFERENCE,
    TP,
    Collar,
    count_matches,
    error_rate,
    event_scores,
    f1,
    f1_difference,
    match_events,
    nearest_pairs,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import sed_eval


def _events(rng: np.random.Generator, n: int, length_s: float = 20.0) -> list[Annotation]:
    """Events on a grid of 10 ms that is 5 ms off zero, so that no distance lies on the edge of a collar."""
    onsets = rng.integers(0, int(length_s * 100), n) / 100
    return [Annotation(onset, onset + rng.integers(1, 300) / 100, str(rng.choice(["a", "b"]))) for onset in onsets]


def _jittered(rng: np.random.Generator, events: Sequence[Annotation]) -> list[Annotation]:
    moved = []
    for each in events:
        onset = max(0.0, each.onset + rng.integers(-30, 30) / 100 + 0.005)
        moved.append(Annotation(onset, max(onset, each.offset + rng.integers(-60, 60) / 100 + 0.005), each.label))
    return moved


def _sed_eval(
    reference: Sequence[Annotation], detected: Sequence[Annotation], collar: Collar
) -> "sed_eval.sound_event.EventBasedMetrics":
    metric = sed_eval.sound_event.EventBasedMetrics(
        event_label_list=["a", "b"],
        t_collar=collar.onset_s,
        percentage_of_length=collar.offset_fraction,
        evaluate_offset=collar.offset_s is not None,
        event_matching_type="optimal",
    )
    rows = [
        [{"event_label": e.label, "event_onset": e.onset, "event_offset": e.offset, "filename": "x"} for e in events]
        for events in (reference, detected)
    ]
    metric.evaluate(*(sed_eval.util.event_list.dcase_util.containers.MetaDataContainer(each) for each in rows))
    return metric


def _sed_eval_counts(reference: Sequence[Annotation], detected: Sequence[Annotation], collar: Collar) -> np.ndarray:
    metric = _sed_eval(reference, detected, collar)
    return np.array([[metric.class_wise[label][key] for key in ("Ntp", "Nref", "Nsys")] for label in ("a", "b")])


@pytest.mark.parametrize("collar", [ONSET, ONSET_OFFSET], ids=["onset", "onset and offset"])
def test_counts_vs_sed_eval(collar: Collar) -> None:
    """120 random lists, dense enough that the matching is ambiguous, with unrelated detections added."""
    rng = np.random.default_rng(7)
    n_hits = 0
    for _ in range(120):
        reference = _events(rng, int(rng.integers(1, 40)))
        detected = _jittered(rng, reference) + [
            Annotation(each.onset + 0.005, each.offset + 0.005, each.label)
            for each in _events(rng, int(rng.integers(0, 10)))
        ]
        counts = count_matches({"x": reference}, {"x": detected}, ["x"], ["a", "b"], collar)[0]
        np.testing.assert_array_equal(counts, _sed_eval_counts(reference, detected, collar))
        n_hits += counts[:, TP].sum()
    assert n_hits > 500


def test_a_matching_uses_each_event_once_and_every_pair_is_within_the_collar() -> None:
    rng = np.random.default_rng(3)
    reference, detected = _events(rng, 300), _events(rng, 300)
    pairs = match_events(reference, detected, ONSET)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs) > 100
    assert all(round(abs(reference[row].onset - detected[column].onset), 6) <= 0.2 for row, column in pairs)


@pytest.mark.parametrize("start", [1.0, 2.0, 4.1, 100.3])
def test_a_distance_of_exactly_the_collar_is_within_it_everywhere(start: float) -> None:
    """In plain floating point |1.0 - 1.2| is at most 0.2 and |2.0 - 2.2| is not."""
    true = [Annotation(start, start + 1.5, "a")]
    assert match_events(true, [Annotation(start + 0.2, start + 1.8, "a")], ONSET_OFFSET) == [(0, 0)]
    assert match_events(true, [Annotation(start + 0.2, start + 1.8001, "a")], ONSET_OFFSET) == []
    assert match_events(true, [Annotation(start + 0.2001, start + 1.8, "a")], ONSET) == []


def test_offsets_may_be_off_by_a_fifth_of_a_long_event_and_200_ms_of_a_short_one() -> None:
    assert match_events([Annotation(0, 10, "a")], [Annotation(0, 12, "a")], ONSET_OFFSET) == [(0, 0)]
    assert match_events([Annotation(0, 0.1, "a")], [Annotation(0, 0.3, "a")], ONSET_OFFSET) == [(0, 0)]
    assert match_events([Annotation(0, 0.1, "a")], [Annotation(0, 0.31, "a")], ONSET_OFFSET) == []
    assert match_events([Annotation(5, 5, "a")], [Annotation(5.1, 5.2, "a")], ONSET_OFFSET) == [(0, 0)]  # a point label


def test_the_matching_is_the_largest_not_the_nearest_first() -> None:
    """Nearest first would pair 0.15 with 0.2 and lose the other pair."""
    reference = [Annotation(0.0, 1, "a"), Annotation(0.2, 1, "a")]
    detected = [Annotation(0.15, 1, "a"), Annotation(0.39, 1, "a")]
    assert len(match_events(reference, detected, ONSET)) == 2


def test_nearest_pairs_vs_trying_every_matching() -> None:
    """Of all matchings of the largest size none has a smaller sum of onset distances."""
    rng = np.random.default_rng(9)
    for _ in range(60):
        reference = [Annotation(t, t + 1, "a") for t in rng.integers(0, 60, rng.integers(1, 6)) / 100]
        detected = [Annotation(t, t + 1, "a") for t in rng.integers(0, 60, rng.integers(1, 6)) / 100]
        pairs = nearest_pairs(reference, detected)
        assert len(pairs) == len(match_events(reference, detected))
        best = min(
            sum(abs(reference[i].onset - detected[j].onset) for i, j in zip(rows, columns, strict=True))
            for rows in combinations(range(len(reference)), len(pairs))
            for columns in permutations(range(len(detected)), len(pairs))
            if all(abs(reference[i].onset - detected[j].onset) < 0.2001 for i, j in zip(rows, columns, strict=True))
        )
        assert sum(abs(reference[i].onset - detected[j].onset) for i, j in pairs) == pytest.approx(best)


@pytest.mark.parametrize("collar", [ONSET, ONSET_OFFSET], ids=["onset", "onset and offset"])
def test_error_rate_vs_sed_eval(collar: Collar) -> None:
    """Never larger, as it takes as many substitutions as there can be; equal where events are not crowded."""
    rng = np.random.default_rng(4)
    equal = 0
    for _ in range(40):
        reference = _events(rng, int(rng.integers(5, 15)), length_s=60)
        detected = [replace(each, label=str(rng.choice(["a", "b"]))) for each in _jittered(rng, reference)]
        referee = _sed_eval(reference, detected, collar).results_overall_metrics()["error_rate"]["error_rate"]
        own = error_rate({"x": reference}, {"x": detected}, ["x"], collar).value
        assert own <= referee + 1e-9
        equal += own == pytest.approx(referee)
    assert equal >= 35


def test_touching_and_overlapping_events_of_one_class_are_judged() -> None:
    reference = {"x": [Annotation(1.0, 1.2, "a"), Annotation(1.2, 1.4, "a"), Annotation(1.2, 3.0, "a")]}
    scores = event_scores(reference, reference, {"x": 10.0}, ["a"])
    assert scores.classes["a"].n_hits == 3
    assert scores.macro_f1_onset_offset.value == 1.0


def test_event_free_recordings_count_for_false_alarms() -> None:
    """Two hours, one of them without annotations: 3 false alarms there and 1 elsewhere make 2 per hour."""
    reference = {"x": [Annotation(10, 11, "a")], "quiet": []}
    detected = {
        "x": [Annotation(10.1, 11, "a"), Annotation(50, 51, "a")],
        "quiet": [Annotation(t, t + 1, "a") for t in (1, 5, 9)],
    }
    scores = event_scores(reference, detected, {"x": 3600.0, "quiet": 3600.0}, ["a"])
    assert scores.classes["a"].false_alarms_per_hour.value == scores.false_alarms_per_hour.value == 2.0
    assert scores.classes["a"].precision == 0.2
    assert scores.classes["a"].recall == 1.0
    assert scores.macro_f1_onset.value == pytest.approx(2 / 6)


def test_macro_is_the_mean_over_classes_that_have_events() -> None:
    reference = {"x": [Annotation(1, 2, "a"), Annotation(5, 6, "b"), Annotation(8, 9, "b")]}
    detected = {"x": [Annotation(1, 2, "a"), Annotation(5, 6, "b")]}
    scores = event_scores(reference, detected, {"x": 10.0}, ["a", "b", "never"])
    assert scores.macro_f1_onset.value == pytest.approx((1 + 2 / 3) / 2)
    assert np.isnan(scores.classes["never"].f1_onset.value)
    assert scores.as_dict()["classes"]["never"]["f1_onset"] == {"value": None, "low": None, "high": None}
    assert event_scores({}, {}, {"x": 1.0}, ["a"]).as_dict()["macro_f1_onset"]["value"] is None


def test_intervals_span_what_resampled_recordings_give() -> None:
    """One of ten recordings is wholly missed: F1 0.9 with the binomial spread of the resampled share."""
    names = [f"{i}" for i in range(10)]
    reference = {name: [Annotation(1, 2, "a")] for name in names}
    detected = {name: [Annotation(1, 2, "a")] for name in names[1:]} | {"0": [Annotation(8, 9, "a")]}
    scores = event_scores(reference, detected, dict.fromkeys(names, 10.0), ["a"])
    assert scores.macro_f1_onset.value == pytest.approx(0.9)
    assert (scores.macro_f1_onset.low, scores.macro_f1_onset.high) == pytest.approx((0.7, 1.0))
    perfect = event_scores(reference, reference, dict.fromkeys(names, 10.0), ["a"])
    assert perfect.macro_f1_onset.low == perfect.macro_f1_onset.high == 1.0


def test_the_difference_of_two_systems_is_resampled_in_pairs() -> None:
    """A constant handicap in every recording has no spread although each system alone has one."""
    rng = np.random.default_rng(0)
    counts = np.zeros((20, 1, 3), np.int64)
    counts[:, 0, REFERENCE] = counts[:, 0, DETECTED] = 10
    counts[:, 0, TP] = rng.integers(3, 9, 20)
    other = counts.copy()
    other[..., TP] -= 1
    difference = f1_difference(counts, other)
    assert (difference.value, difference.low, difference.high) == pytest.approx((0.1, 0.1, 0.1))
    assert f1(counts.sum(0))[0] - f1(other.sum(0))[0] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("reference", "detected", "says"),
    [
        (
            {"x": [Annotation(1, 2, "cat", place="labels.tsv:7")]},
            {},
            r"class 'cat' \(labels.tsv:7\) is annotated but not",
        ),
        ({}, {"x": [Annotation(1, 2, "cat")]}, "class 'cat' is detected but not among the classes judged: a"),
        ({}, {"y": []}, "events are detected in 'y', which is not among the 1 recordings judged"),
    ],
)
def test_events_outside_what_is_judged_are_an_error_not_lost(reference: dict, detected: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        event_scores(reference, detected, {"x": 1.0}, ["a"])


def test_no_recording_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no recording"):
        event_scores({}, {}, {}, ["a"])


def test_matching_twenty_thousand_events(benchmark: BenchmarkFixture) -> None:
    rng = np.random.default_rng(1)
    reference = _events(rng, 20_000, length_s=20_000)
    pairs = benchmark.pedantic(match_events, args=(reference, _jittered(rng, reference)), rounds=3)
    assert len(pairs) > 10_000
