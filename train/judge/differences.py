"""What differs between the events of two detectors on the same recordings, and whether it means anything.

Intervals come from a paired bootstrap: both detectors are judged on the same resample each time, so that what makes a
recording hard or easy for both does not widen the interval of their difference. What is resampled is *units*, as
`stapes tune` does: an annotated event and its hit belong to the event's source, what else is detected belongs to the
group of its recording. Events without a source of their own belong to the group, too. Each recording of the background
is a unit of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from stapes.train.judge.false_alarms import untouching
from stapes.train.judge.judged import JudgedRecording
from stapes.train.judge.metrics import (
    DETECTED,
    ONSET,
    REFERENCE,
    TP,
    Collar,
    Estimate,
    event_free_s,
    f1,
    macro_f1,
    match_events,
    microseconds,
    ratio,
    resample_weights,
)

Verdict = Literal["better", "worse", "equal", "unclear"]
# With five sources that all agree, a sign test (two-sided) still gives 2 / 2^5 = 6 %; with six it gives 3 %. Fewer
# cannot show anything at 95 %, and the bootstrap of so few is too narrow.
UNITS_MIN = 6
RESAMPLES = 4000


@dataclass(frozen=True)
class Change:
    """One figure of both detectors, and the difference `now - before` with its 95 % interval."""

    before: float
    now: float
    difference: Estimate
    verdict: Verdict

    def __format__(self, spec: str) -> str:
        """Return `difference (low..high)` with signs, each in the given format; a dash where it is not defined."""
        return f"{self.difference:+{spec}}"


@dataclass(frozen=True)
class ClassComparison:
    """One class. n_sources: of its annotated events; with fewer than UNITS_MIN nothing is claimed."""

    n_reference: int
    n_sources: int
    f1_onset: Change
    false_alarms_per_hour: Change  # as false_alarms.py counts them


@dataclass(frozen=True)
class Differences:
    """What two detectors find in the same recordings, per class and of all classes together."""

    classes: dict[str, ClassComparison]
    macro_f1_onset: Change
    false_alarms_per_hour: Change


@dataclass(frozen=True)
class Heard:
    """What one detector made of the labelled recordings and of the background, in the same order for both detectors."""

    judged: Sequence[JudgedRecording]
    background: Sequence[JudgedRecording] = ()


def differences(before: Heard, now: Heard, classes: Sequence[str], onset: Collar = ONSET) -> Differences:
    """Return the differences of two detectors that were judged on the same recordings.

    Events of other classes are left out. In the background only false alarms are counted.
    """
    units = _Units(now, classes)
    weights = units.weights()
    counts = [np.tensordot(weights, units.matches(each, onset), 1) for each in (before, now)]
    hours = weights @ units.event_free_hours()
    alarms = [ratio(weights @ units.false_alarms(each), hours) for each in (before, now)]
    by_class = [f1(each) for each in counts]
    compared = {}
    for column, label in enumerate(classes):
        sources = units.n_sources(label)
        compared[label] = ClassComparison(
            n_reference=int(counts[1][0, column, REFERENCE]),
            n_sources=sources,
            f1_onset=_change(by_class[0][:, column], by_class[1][:, column], sources, 1),
            false_alarms_per_hour=_change(alarms[0][:, column], alarms[1][:, column], units.n_places, -1),
        )
    return Differences(
        compared,
        _change(macro_f1(counts[0]), macro_f1(counts[1]), units.n_all_sources, 1),
        _change(alarms[0].sum(-1), alarms[1].sum(-1), units.n_places, -1),
    )


def _change(before: NDArray[np.float64], now: NDArray[np.float64], n_units: int, good: int) -> Change:
    """Return the change of a figure, float64[1 + resamples], of which the first is that of all units drawn once.

    good: 1 if more is better, -1 if less is.
    """
    difference = _expanded(float(now[0] - before[0]), now[1:] - before[1:], n_units)
    return Change(float(before[0]), float(now[0]), difference, _verdict(difference, n_units, good))


def _expanded(value: float, resampled: NDArray[np.float64], n_units: int) -> Estimate:
    """Return a figure with the quantiles of its resamples that hold 95 % of true values with so few units.

    The plain quantiles at 2.5 % and 97.5 % are too narrow there. Expanded percentile interval of T. Hesterberg, "What
    Teachers Should Know About the Bootstrap", The American Statistician 69, 2015, section 5.3.
    """
    defined = resampled[~np.isnan(resampled)]
    if np.isnan(value) or not len(defined):
        return Estimate(value, float("nan"), float("nan"))
    n = max(2, n_units)
    tail = norm.cdf(np.sqrt(n / (n - 1)) * t.ppf(0.025, n - 1))
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Estimate(value, float(low), float(high))


def _verdict(difference: Estimate, n_units: int, good: int) -> Verdict:
    if difference.low == difference.high == 0.0:
        return "equal"
    if n_units < UNITS_MIN or not (difference.low > 0 or difference.high < 0):  # so also where it is not defined
        return "unclear"
    return "better" if difference.value * good > 0 else "worse"


class _Units:
    """The sources of events and the groups of recordings: what is resampled, and what both detectors find in each."""

    def __init__(self, heard: Heard, classes: Sequence[str]) -> None:
        self._heard, self._classes = heard, classes
        groups = sorted({("", each.recording.group) for each in heard.judged})
        quiet = [("background", each.recording.name) for each in heard.background]
        names = {name for _, name in groups}
        self._sources = {
            label: {
                each.recording.source(event)
                for each in heard.judged
                for event in each.recording.annotations
                if event.label == label
            }
            for label in classes
        }
        own = [sorted((f"class {label}", each) for each in self._sources[label] - names) for label in classes]
        self._strata = [groups, quiet, *own]
        self._index = {unit: index for index, unit in enumerate(chain(*self._strata))}

    def n_sources(self, label: str) -> int:
        """Return from how many sources the annotated events of a class are."""
        return len(self._sources[label])

    @property
    def n_all_sources(self) -> int:
        """Return from how many sources the annotated events of all classes are; one of several classes counts once."""
        return len(set().union(*self._sources.values()))

    @property
    def n_places(self) -> int:
        """Return the number of groups of recordings, and of recordings of the background."""
        return len(self._strata[0]) + len(self._strata[1])

    def weights(self) -> NDArray[np.float64]:
        """Return float64[1 + resamples, units]: how often each is drawn; in the first row once.

        Groups, the background and the sources of each class are drawn from apart.
        """
        sizes = [len(each) for each in self._strata]
        drawn = [resample_weights(size, RESAMPLES, seed) for seed, size in enumerate(sizes) if size]
        return np.concatenate([np.ones((1, len(self._index))), np.concatenate(drawn, axis=1)])

    def matches(self, heard: Heard, onset: Collar) -> NDArray[np.int64]:
        """Return int64[units, classes, 3], indexed by TP, REFERENCE and DETECTED."""
        counts = np.zeros((len(self._index), len(self._classes), 3), np.int64)
        for each in heard.judged:
            group = self._index["", each.recording.group]
            for column, label in enumerate(self._classes):
                true = [event for event in each.recording.annotations if event.label == label]
                found = [event for event in each.detected if event.label == label]
                sources = [each.recording.source(event) for event in true]
                units = [self._index.get((f"class {label}", source), group) for source in sources]
                for unit in units:
                    counts[unit, column, REFERENCE] += 1
                pairs = match_events(true, found, onset)
                for index, _ in pairs:
                    counts[units[index], column, [TP, DETECTED]] += 1
                counts[group, column, DETECTED] += len(found) - len(pairs)
        return counts

    def false_alarms(self, heard: Heard) -> NDArray[np.int64]:
        """Return int64[units, classes]: detected events that touch no annotated one of their class."""
        alarms = np.zeros((len(self._index), len(self._classes)), np.int64)
        for unit, each in self._by_unit(heard):
            for event in untouching(each.recording.annotations, each.detected):
                if event.label in self._classes:
                    alarms[unit, self._classes.index(event.label)] += 1
        return alarms

    def event_free_hours(self) -> NDArray[np.float64]:
        """Return float64[units, classes]: the time in which a detected event would be a false alarm."""
        hours = np.zeros((len(self._index), len(self._classes)))
        for unit, each in self._by_unit(self._heard):
            for column, label in enumerate(self._classes):
                true = microseconds([event for event in each.recording.annotations if event.label == label])
                free_s = event_free_s(true, 0, round(each.recording.duration_s * 1e6))
                hours[unit, column] += free_s / 3600
        return hours

    def _by_unit(self, heard: Heard) -> list[tuple[int, JudgedRecording]]:
        groups = [(self._index["", each.recording.group], each) for each in heard.judged]
        return [*groups, *((self._index["background", each.recording.name], each) for each in heard.background)]
