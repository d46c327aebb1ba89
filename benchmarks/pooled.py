"""Figures of several folds together, each with a 95 % interval from resampling sources and recordings.

Counts of all folds are added up for each class, and classes are averaged. A recording or source that several folds
judge is drawn for all of them at once.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from benchmarks.judgement import ClassJudgement, FoldJudgement, PointCounts
from stapes.train.judge.alarm_curve import ON_SCORES
from stapes.train.judge.event_free import AWAY, DURING
from stapes.train.judge.frame_precision import average_precision
from stapes.train.judge.metrics import Estimate, estimate, ratio, resample_weights

RATES_PER_HOUR = (10.0, 40.0, 100.0)  # alarms of each class
LOGIT_MOVES = np.arange(200, -201, -1) / 20  # of thresholds, the highest first

Resampled = NDArray[np.float64]  # [1 + resamples]: the figure itself, and its values when resampled
HitsWanted = Mapping[tuple[str, str], float]  # fold and class -> hits by onset


class Pooled:
    """The judgements of detectors of one configuration and seed, one of each fold."""

    def __init__(self, folds: Sequence[FoldJudgement], labels: Sequence[str] = ()) -> None:
        """labels: the classes to pool; all by default."""
        self.folds = tuple(folds)
        self.labels = tuple(labels or self.folds[0].classes)
        recordings = sorted({name for fold in self.folds for name in fold.held_out})
        self._recording = {name: index for index, name in enumerate(recordings)}
        self._recording_weights = _weights(len(recordings), seed=0)

    def of_class(self, label: str) -> "Pooled":
        """Return the same folds with one class alone."""
        return Pooled(self.folds, [label])

    @cached_property
    def _source_weights(self) -> dict[str, tuple[dict[str, int], NDArray[np.float64]]]:
        """Return for each class the index of each source and float64[1 + resamples, sources]."""
        weights = {}
        for seed, label in enumerate(self.labels, start=1):
            sources = sorted({name for fold in self.folds for name in fold.classes[label].curve.sources})
            index = {name: number for number, name in enumerate(sources)}
            weights[label] = index, _weights(max(1, len(sources)), seed=seed)
        return weights

    def frame_precision(self) -> Estimate:
        """Return the average precision over steps, as the mean over the classes and folds with events."""
        values = [
            average_precision(np.tensordot(self._recordings(fold.judged), fold.classes[label].steps, 1))
            for label in self.labels
            for fold in self.folds
            if fold.classes[label].curve.annotated.any()
        ]
        return _estimate(_mean(values))

    def f1(self, *, offsets: bool = False) -> Estimate:
        """Return the macro event F1 at the operating point, by onset, or by onset and offset."""
        return _estimate(_mean([self._f1_of(label, offsets) for label in self.labels]))

    def recall_at(self, per_hour: float) -> Estimate:
        """Return the recall with at most so many alarms per hour and class in each fold, as the mean over classes."""
        return _estimate(_mean([self._recall_at(label, per_hour) for label in self.labels]))

    def alarms_per_hour(self, part: int) -> Estimate:
        """Return the alarms per hour of all classes together, AWAY from distractors or DURING them."""
        rates = [self._rate(label, lambda one: one.chosen.alarms, (part,)) for label in self.labels]
        return _estimate(np.sum(rates, axis=0))

    def recall(self, point: Callable[[ClassJudgement], PointCounts]) -> Estimate:
        """Return the recall by onset of a setting, as the mean over classes."""
        return _estimate(_mean([self._recall_of(label, point) for label in self.labels]))

    def budget(self) -> tuple[Estimate, Estimate, str]:
        """Return recall, alarms per hour of the worst class, and its name, with settings chosen for a budget."""
        rates = [self._rate(label, lambda one: _budget_of(one).alarms, (AWAY, DURING)) for label in self.labels]
        worst = int(np.argmax([rate[0] for rate in rates]))
        return self.recall(_budget_of), _estimate(rates[worst]), self.labels[worst]

    def alarms_at_equal_recall(self, wanted: HitsWanted) -> tuple[Estimate, Estimate]:
        """Return alarms per hour away from distractors, all classes together, where as many events are found; recall.

        wanted: hits of each fold and class. The on thresholds of a class are moved away from those of the operating
        points by the same logit in all folds: as high as as many events allow, or to where most are found. The second
        figure is the recall that this gives.
        """
        alarms, found = [], []
        for label in self.labels:
            thresholds = self._thresholds_finding(label, sum(wanted[fold.fold, label] for fold in self.folds))
            counts = hours = hits = annotated = np.zeros(1)
            for fold, index in zip(self.folds, thresholds, strict=True):
                curve = fold.classes[label].curve
                recordings, sources = self._recordings(fold.held_out), self._sources(label, curve.sources)
                counts = counts + recordings @ curve.alarms[index, :, AWAY]
                hours = hours + recordings @ curve.hours[:, AWAY]
                hits = hits + sources @ curve.hits[index]
                annotated = annotated + sources @ curve.annotated
            alarms.append(ratio(counts, hours))
            found.append(ratio(hits, annotated))
        return _estimate(np.sum(alarms, axis=0)), _estimate(_mean(found))

    def _thresholds_finding(self, label: str, wanted: float) -> NDArray[np.int64]:
        """Return int64[folds]: where in each curve the on thresholds stand that find as many events in all folds."""
        moved = np.stack([_places_of_moved(fold.classes[label].on_score) for fold in self.folds], axis=1)
        curves = [fold.classes[label].curve.hits.sum(axis=-1) for fold in self.folds]
        hits = np.sum([curve[moved[:, index]] for index, curve in enumerate(curves)], axis=0)
        return np.asarray(moved[np.argmax(hits >= min(wanted, hits.max()))])

    def int8_minus_float(self) -> float:
        """Return the mean over folds of what training measured on val."""
        return float(np.mean([fold.int8_minus_float for fold in self.folds]))

    def _f1_of(self, label: str, offsets: bool) -> Resampled:
        hits = events = np.zeros(1)
        for fold in self.folds:
            one = fold.classes[label]
            point = one.chosen
            found, false = (point.hits_both, point.false_both) if offsets else (point.hits, point.false)
            sources = self._sources(label, one.curve.sources)
            hits = hits + sources @ found
            events = events + sources @ (one.curve.annotated + found) + self._recordings(fold.judged) @ false
        return ratio(2 * hits, events)

    def _recall_at(self, label: str, per_hour: float) -> Resampled:
        hits = annotated = np.zeros(1)
        for fold in self.folds:
            curve = fold.classes[label].curve
            found, there = curve.found_within(
                per_hour, self._sources(label, curve.sources), self._recordings(fold.held_out)
            )
            hits, annotated = hits + found, annotated + there
        return ratio(hits, annotated)

    def _recall_of(self, label: str, point: Callable[[ClassJudgement], PointCounts]) -> Resampled:
        hits = annotated = np.zeros(1)
        for fold in self.folds:
            one = fold.classes[label]
            sources = self._sources(label, one.curve.sources)
            hits, annotated = hits + sources @ point(one).hits, annotated + sources @ one.curve.annotated
        return ratio(hits, annotated)

    def _rate(
        self, label: str, alarms: Callable[[ClassJudgement], NDArray[np.int64]], parts: Sequence[int]
    ) -> Resampled:
        count = hours = np.zeros(1)
        for fold in self.folds:
            recordings, one = self._recordings(fold.held_out), fold.classes[label]
            count = count + recordings @ alarms(one)[:, parts].sum(axis=1)
            hours = hours + recordings @ one.curve.hours[:, parts].sum(axis=1)
        return ratio(count, hours)

    def _recordings(self, names: Sequence[str]) -> NDArray[np.float64]:
        return self._recording_weights[:, [self._recording[name] for name in names]]

    def _sources(self, label: str, names: Sequence[str]) -> NDArray[np.float64]:
        index, weights = self._source_weights[label]
        return weights[:, [index[name] for name in names]]


def _weights(n: int, seed: int) -> NDArray[np.float64]:
    return np.concatenate([np.ones((1, n)), resample_weights(n, seed=seed)])


def _places_of_moved(on_score: int) -> NDArray[np.int64]:
    """Return int64[moves]: where in ON_SCORES a threshold stands after each of LOGIT_MOVES, the highest first."""
    odds = (on_score + 128) / (128 - on_score)
    moved = 256 / (1 + np.exp(-(np.log(odds) + LOGIT_MOVES))) - 128
    return ON_SCORES[0] - np.clip(np.rint(moved), ON_SCORES[-1], ON_SCORES[0]).astype(np.int64)


def _mean(values: Sequence[Resampled]) -> Resampled:
    """Return the mean over values, those that are nan left out; nan where all are."""
    table = np.stack(values)
    defined = ~np.isnan(table)
    return ratio(np.where(defined, table, 0.0).sum(axis=0), defined.sum(axis=0))


def _estimate(values: Resampled) -> Estimate:
    return estimate(float(values[0]), values[1:])


def _budget_of(one: ClassJudgement) -> PointCounts:
    if one.budget is None:
        raise ValueError("the judgement was made without a budget")
    return one.budget
