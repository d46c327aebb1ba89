"""Polyphonic sound detection score from frame scores, over every threshold that makes a difference.

Definitions: C. Bilen, G. Ferroni, F. Tuveri, J. Azcarreta, S. Krstulovic, "A framework for the robust evaluation of
sound event detection", ICASSP 2020. A detection is a run of steps with score >= threshold. int8 scores have at most 256
thresholds, so the sweep over all of them is exact. Times are whole microseconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stapes.runtime.labels import Annotation

LEVELS = np.arange(-128, 128)  # every int8 threshold


@dataclass(frozen=True)
class Criteria:
    """What counts as a detection, and what a false one costs."""

    detection: float  # share of a detection that must lie on annotated events of its class (DTC)
    ground_truth: float  # share of an annotated event that such detections must cover (GTC)
    cross_trigger: float | None  # share of a false detection on another class that makes it a cross trigger (CTTC)
    alpha_cross: float  # weight of cross triggers
    alpha_spread: float  # weight of the spread over classes
    max_false_per_hour: float = 100.0


SCENARIO_1 = Criteria(0.7, 0.7, None, 0.0, 1.0)  # react fast: the times matter
SCENARIO_2 = Criteria(0.1, 0.1, 0.3, 0.5, 1.0)  # tell classes apart


@dataclass(frozen=True)
class ScoredRecording:
    """Scores of one recording beside what is annotated in it."""

    scores: NDArray[np.int8]  # [steps, classes]
    edges_s: NDArray[np.float64]  # [steps + 1]: step k lasts from edges_s[k] to edges_s[k + 1]
    annotations: Sequence[Annotation]
    duration_s: float


@dataclass(frozen=True)
class Curve:
    """Detections of one class at every threshold of LEVELS, summed over recordings."""

    n_reference: int
    true_positives: NDArray[np.int64]  # [levels]: annotated events found
    false_positives: NDArray[np.int64]  # [levels]: detections that fail the detection criterion
    cross_triggers: NDArray[np.int64]  # [levels, classes]


@dataclass(frozen=True)
class Psds:
    """The score (0..1, nan without annotated events) and the curves under which it is the area."""

    value: float
    false_per_hour: NDArray[np.float64]  # [points] effective false positive rate
    true_rate: NDArray[np.float64]  # [points] effective true positive rate
    classes: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]  # the same per class


def psds(recordings: Sequence[ScoredRecording], classes: Sequence[str], criteria: Criteria) -> Psds:
    """Return the score over the classes that have annotated events with an extent.

    A class that has point labels is left out: how much of a point is covered is not defined. With one class there are
    no cross triggers and no spread.
    """
    hours = sum(each.duration_s for each in recordings) / 3600
    events = [event for each in recordings for event in each.annotations]
    judged = [
        label
        for label in classes
        if (own := [each for each in events if each.label == label]) and all(each.offset > each.onset for each in own)
    ]
    length_h = np.array([sum(e.offset - e.onset for e in events if e.label == label) / 3600 for label in judged])
    rocs = {}
    for label in judged:
        curve = count_detections(recordings, classes, label, judged, criteria)
        false_rate = curve.false_positives / hours
        others = [column for column, other in enumerate(judged) if other != label]
        if criteria.alpha_cross and others:
            false_rate = false_rate + criteria.alpha_cross * (curve.cross_triggers / length_h)[:, others].mean(axis=1)
        rocs[label] = _staircase(false_rate, curve.true_positives / curve.n_reference, criteria.max_false_per_hour)
    if not rocs:
        return Psds(float("nan"), np.zeros(0), np.zeros(0), {})
    grid = np.unique(np.concatenate([rate for rate, _ in rocs.values()]))
    rates = np.stack([found[np.searchsorted(rate, grid, side="right") - 1] for rate, found in rocs.values()])
    joint = np.maximum(rates.mean(axis=0) - criteria.alpha_spread * rates.std(axis=0), 0.0)
    widths = np.diff(np.append(grid, criteria.max_false_per_hour))
    return Psds(float(joint @ widths) / criteria.max_false_per_hour, grid, joint, rocs)


def _staircase(
    false_rate: NDArray[np.float64], true_rate: NDArray[np.float64], most: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the best true rate reachable at or below each false rate, from (0, 0) on."""
    order = np.lexsort((true_rate, false_rate))
    false_rate = np.append(0.0, false_rate[order])
    true_rate = np.maximum.accumulate(np.append(0.0, true_rate[order]))
    last = np.append(false_rate[1:] > false_rate[:-1], True) & (false_rate <= most)
    return false_rate[last], true_rate[last]


def count_detections(
    recordings: Sequence[ScoredRecording], classes: Sequence[str], label: str, others: Sequence[str], criteria: Criteria
) -> Curve:
    """Return what the detections of class `label` are at every threshold; cross triggers on each class of `others`."""
    true, false = np.zeros(len(LEVELS), np.int64), np.zeros(len(LEVELS), np.int64)
    cross = np.zeros((len(LEVELS), len(others)), np.int64)
    column, n_reference = list(classes).index(label), 0
    for each in recordings:
        own = _intervals(each.annotations, label)
        foreign = [_intervals(each.annotations, other) for other in others]
        n_reference += len(own)
        scores = each.scores[:, column].astype(np.int64)
        thresholds = np.unique(scores)
        counts = _at_thresholds(scores >= thresholds[:, None], _microseconds(each.edges_s), own, foreign, criteria)
        counts = np.vstack([counts, np.zeros((1, 2 + len(others)), np.int64)])
        at_levels = counts[np.searchsorted(thresholds, LEVELS)]  # a threshold acts as the next score that occurs
        true += at_levels[:, 0]
        false += at_levels[:, 1]
        cross += at_levels[:, 2:]
    return Curve(n_reference, true, false, cross)


def _at_thresholds(
    active: NDArray[np.bool_],
    edges: NDArray[np.int64],
    own: NDArray[np.int64],
    foreign: Sequence[NDArray[np.int64]],
    criteria: Criteria,
) -> NDArray[np.int64]:
    """active [thresholds, steps] -> [thresholds, 2 + foreign]: events found, false detections, cross triggers.

    Each threshold gets its own stretch of one long time axis, so that all are counted in one go.
    """
    n = len(active)
    span = int(max([edges[-1], *(each.max(initial=0) for each in [own, *foreign])])) + 1
    change = np.diff(active.astype(np.int8), prepend=0, append=0, axis=1)
    row, begin = np.nonzero(change > 0)
    end = np.nonzero(change < 0)[1]  # runs do not overlap: the k-th beginning belongs to the k-th end
    found = np.stack([edges[begin], edges[end]], axis=1) + (row * span)[:, None]
    whole = found[:, 1] > found[:, 0]
    found, row = found[whole], row[whole]
    passed = _covered(_coverage(_repeated(own, n, span)), found) >= _share(criteria.detection, found)
    targets = _repeated(own, n, span)
    hit = _covered(_coverage(found[passed]), targets) >= _share(criteria.ground_truth, targets)
    counts = [hit.reshape(n, -1).sum(axis=1), np.bincount(row[~passed], minlength=n)]
    for each in foreign:
        crossed = np.zeros(len(found), np.bool_)
        if criteria.cross_trigger is not None and len(each):
            crossed = _covered(_coverage(_repeated(each, n, span)), found) >= _share(criteria.cross_trigger, found)
        counts.append(np.bincount(row[crossed & ~passed], minlength=n))
    return np.stack(counts, axis=1)


def _repeated(intervals: NDArray[np.int64], n: int, span: int) -> NDArray[np.int64]:
    """Return [n * intervals, 2]: the intervals once for each stretch of the long time axis."""
    return (intervals[None] + (np.arange(n) * span)[:, None, None]).reshape(-1, 2)


def _share(fraction: float, intervals: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.round(fraction * (intervals[:, 1] - intervals[:, 0]))  # whole microseconds, as times are


def _intervals(events: Sequence[Annotation], label: str) -> NDArray[np.int64]:
    times = [(each.onset, each.offset) for each in events if each.label == label]
    return _microseconds(np.array(sorted(times), np.float64).reshape(-1, 2))


def _microseconds(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.round(seconds * 1e6).astype(np.int64)


def _coverage(intervals: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return [n, 2] intervals as their union: sorted, disjoint, so that what overlaps is not counted twice."""
    if not len(intervals):
        return intervals
    ordered = intervals[np.argsort(intervals[:, 0], kind="stable")]
    reached = np.maximum.accumulate(ordered[:, 1])
    first = np.append(True, ordered[1:, 0] > reached[:-1])
    last = np.append(first[1:], True)
    return np.stack([ordered[first, 0], reached[last]], axis=1)


def _covered(union: NDArray[np.int64], intervals: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how much of each of [n, 2] intervals lies in a union made by `_coverage`."""
    if not len(union):
        return np.zeros(len(intervals), np.int64)
    before = np.append(0, np.cumsum(union[:, 1] - union[:, 0]))

    def until(time: NDArray[np.int64]) -> NDArray[np.int64]:
        index = np.searchsorted(union[:, 0], time, side="right")  # intervals that begin at or before it
        within = np.minimum(time, union[index - 1, 1]) - union[index - 1, 0]
        return np.where(index > 0, before[index - 1] + within, 0)

    return until(intervals[:, 1]) - until(intervals[:, 0])
