"""Polyphonic sound detection score (PSDS) from the scores of steps, over every threshold.

What counts as a detection is said in intersection.py, which names the source of the definitions. A detected event is a
run of steps with score >= threshold. int8 scores have at most 256 thresholds, and all of them are tried, so the score
is exact. Times are whole microseconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stapes.runtime.labels import Annotation
from stapes.train.judge.intersection import crossing, intersect
from stapes.train.judge.metrics import Estimate, estimate, ratio, resample_weights

LEVELS = np.arange(-128, 128)  # every int8 threshold


@dataclass(frozen=True)
class Criteria:
    """What counts as a detection, and what a false one costs."""

    detection: float  # least share of a detection that must lie on annotated events of its class (DTC)
    ground_truth: float  # least share of an annotated event that such detections must cover (GTC)
    cross_trigger: float | None  # least share of a false detection on events of another class (CTTC); None: not counted
    alpha_cross: float  # weight of cross triggers
    alpha_spread: float  # weight of the spread over classes
    max_false_per_hour: float = 100.0


SCENARIO_1 = Criteria(0.7, 0.7, None, 0.0, 1.0)  # react fast: the times matter
SCENARIO_2 = Criteria(0.1, 0.1, 0.3, 0.5, 1.0)  # tell classes apart


@dataclass(frozen=True)
class TimedScores:
    """Scores of one recording, the times that they stand for, and the annotated events."""

    scores: NDArray[np.int8]  # [steps, classes]
    edges_s: NDArray[np.float64]  # [steps + 1]: step k lasts from edges_s[k] to edges_s[k + 1]
    annotations: Sequence[Annotation]
    duration_s: float


@dataclass(frozen=True)
class Curve:
    """Counts of one class in each recording at every threshold of LEVELS."""

    n_reference: NDArray[np.int64]  # [recordings]
    true_positives: NDArray[np.int64]  # [recordings, levels]: annotated events found
    false_positives: NDArray[np.int64]  # [recordings, levels]: detections that fail the detection criterion
    cross_triggers: NDArray[np.int64]  # [recordings, levels, classes]


@dataclass(frozen=True)
class Psds:
    """The score, which is the area under the joint curve (0..1, nan without annotated events), and the curves."""

    value: float
    false_per_hour: NDArray[np.float64]  # [points] effective false positive rate
    true_rate: NDArray[np.float64]  # [points] effective true positive rate
    classes: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]  # both rates of each class


@dataclass(frozen=True)
class Rates:
    """Effective false positives per hour and true positive rate, [resamples, levels]; nan without annotated events."""

    false: NDArray[np.float64]
    true: NDArray[np.float64]


def psds(recordings: Sequence[TimedScores], classes: Sequence[str], criteria: Criteria) -> Psds:
    """Return the score over the classes whose annotated events all have a duration.

    A class with point labels is left out, since no share of a point can be covered. With one class there are neither
    cross triggers nor a spread.
    """
    return area(class_rates(recordings, classes, criteria, np.ones((1, len(recordings)))), 0, criteria)


def psds_estimate(recordings: Sequence[TimedScores], classes: Sequence[str], criteria: Criteria) -> Estimate:
    """Return the score of `psds` with its interval over recordings.

    Detections are counted once per recording, and a resample adds up these counts. A class that has no annotated event
    in a resample is left out of it.
    """
    draws = np.vstack([np.ones(len(recordings)), resample_weights(len(recordings))])
    rates = class_rates(recordings, classes, criteria, draws)
    values = np.array([area(rates, draw, criteria).value for draw in range(len(draws))])
    return estimate(float(values[0]), values[1:])


def class_rates(
    recordings: Sequence[TimedScores], classes: Sequence[str], criteria: Criteria, draws: NDArray[np.float64]
) -> dict[str, Rates]:
    """Return the rates of each class that is judged; draws: float64[resamples, recordings], weights of recordings."""
    events = [event for each in recordings for event in each.annotations]
    judged = [
        label
        for label in classes
        if (own := [each for each in events if each.label == label]) and all(each.offset > each.onset for each in own)
    ]
    hours = draws @ np.array([each.duration_s / 3600 for each in recordings])
    length_h = {label: draws @ [_seconds(each, label) / 3600 for each in recordings] for label in judged}
    rates = {}
    for label in judged:
        curve = count_detections(recordings, classes, label, judged, criteria)
        found = ratio(draws @ curve.true_positives, (draws @ curve.n_reference)[:, None])
        false = draws @ curve.false_positives / hours[:, None]
        if criteria.alpha_cross:
            others = [column for column, other in enumerate(judged) if other != label]
            false += criteria.alpha_cross * _mean_defined(
                [ratio(draws @ curve.cross_triggers[:, :, k], length_h[judged[k]][:, None]) for k in others],
                false.shape,
            )
        rates[label] = Rates(false, found)
    return rates


def _seconds(recording: TimedScores, label: str) -> float:
    return sum(each.offset - each.onset for each in recording.annotations if each.label == label)


def _mean_defined(tables: Sequence[NDArray[np.float64]], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the elementwise mean of tables of this shape, nan left out; 0 where all are nan."""
    total, defined = np.zeros(shape), np.zeros(shape)
    for table in tables:
        total += np.nan_to_num(table)
        defined += ~np.isnan(table)
    return total / np.maximum(defined, 1)


def area(rates: Mapping[str, Rates], draw: int, criteria: Criteria) -> Psds:
    """Return the score and the curves of one resample, which is row `draw` of the rates."""
    most = criteria.max_false_per_hour
    rocs = {
        label: _staircase(each.false[draw], each.true[draw], most)
        for label, each in rates.items()
        if not np.isnan(each.true[draw, 0])
    }
    if not rocs:
        return Psds(float("nan"), np.zeros(0), np.zeros(0), {})
    grid = np.unique(np.concatenate([rate for rate, _ in rocs.values()]))
    found = np.stack([true[np.searchsorted(false, grid, side="right") - 1] for false, true in rocs.values()])
    joint = np.maximum(found.mean(axis=0) - criteria.alpha_spread * found.std(axis=0), 0.0)
    widths = np.diff(np.append(grid, most))
    return Psds(float(joint @ widths) / most, grid, joint, rocs)


def _staircase(
    false_rate: NDArray[np.float64], true_rate: NDArray[np.float64], most: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the highest true positive rate at or below each false positive rate, beginning with (0, 0)."""
    order = np.lexsort((true_rate, false_rate))
    false_rate = np.append(0.0, false_rate[order])
    true_rate = np.maximum.accumulate(np.append(0.0, true_rate[order]))
    last = np.append(false_rate[1:] > false_rate[:-1], True) & (false_rate <= most)
    return false_rate[last], true_rate[last]


def count_detections(
    recordings: Sequence[TimedScores], classes: Sequence[str], label: str, others: Sequence[str], criteria: Criteria
) -> Curve:
    """Count the detections of class `label` at every threshold, and their cross triggers on each class of `others`."""
    column = list(classes).index(label)
    n_reference = np.zeros(len(recordings), np.int64)
    counts = np.zeros((len(recordings), len(LEVELS), 2 + len(others)), np.int64)
    for row, each in enumerate(recordings):
        own = _intervals(each.annotations, label)
        foreign = [_intervals(each.annotations, other) for other in others]
        n_reference[row] = len(own)
        scores = each.scores[:, column].astype(np.int64)
        if not len(scores):
            continue  # a recording shorter than a step: nothing is detected in it
        thresholds = np.unique(scores)
        found = _at_thresholds(scores >= thresholds[:, None], _microseconds(each.edges_s), own, foreign, criteria)
        found = np.vstack([found, np.zeros((1, 2 + len(others)), np.int64)])
        # A threshold selects the same steps as the lowest occurring score that is not below it.
        counts[row] = found[np.searchsorted(thresholds, LEVELS)]
    return Curve(n_reference, counts[:, :, 0], counts[:, :, 1], counts[:, :, 2:])


def _at_thresholds(
    active: NDArray[np.bool_],
    edges: NDArray[np.int64],
    own: NDArray[np.int64],
    foreign: Sequence[NDArray[np.int64]],
    criteria: Criteria,
) -> NDArray[np.int64]:
    """Return int64[thresholds, 2 + foreign]: events found, false detections, and cross triggers on each foreign class.

    active: bool[thresholds, steps]. Each threshold has its own stretch of one long time axis, so that the detections of
    all thresholds are counted at once.
    """
    n = len(active)
    span = int(max([edges[-1], *(each.max(initial=0) for each in [own, *foreign])])) + 1
    change = np.diff(active.astype(np.int8), prepend=0, append=0, axis=1)
    row, begin = np.nonzero(change > 0)
    end = np.nonzero(change < 0)[1]  # runs do not overlap: run k begins at the k-th beginning and ends at the k-th end
    found = np.stack([edges[begin], edges[end]], axis=1) + (row * span)[:, None]
    whole = found[:, 1] > found[:, 0]
    found, row = found[whole], row[whole]
    hit, passed = intersect(_repeated(own, n, span), found, criteria.detection, criteria.ground_truth)
    counts = [hit.reshape(n, -1).sum(axis=1), np.bincount(row[~passed], minlength=n)]
    for each in foreign:
        crossed = np.zeros(len(found), np.bool_)
        if criteria.cross_trigger is not None:
            crossed = crossing(_repeated(each, n, span), found, criteria.cross_trigger)
        counts.append(np.bincount(row[crossed & ~passed], minlength=n))
    return np.stack(counts, axis=1)


def _repeated(intervals: NDArray[np.int64], n: int, span: int) -> NDArray[np.int64]:
    """Return int64[n * intervals, 2]: the intervals, repeated in each of n stretches of the long time axis."""
    return (intervals[None] + (np.arange(n) * span)[:, None, None]).reshape(-1, 2)


def _intervals(events: Sequence[Annotation], label: str) -> NDArray[np.int64]:
    times = [(each.onset, each.offset) for each in events if each.label == label]
    return _microseconds(np.array(sorted(times), np.float64).reshape(-1, 2))


def _microseconds(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.round(seconds * 1e6).astype(np.int64)
