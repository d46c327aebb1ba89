"""One class's scores under every event setting of a grid: what each finds, by the source that it was heard from.

The device's decoder judges what is chosen in the end. The thousands of settings on the way to it are decoded here, all
recordings at once, in NumPy; a test holds the two equal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.events import EventConfig, EventDecoder, completed
from stapes.runtime.labels import Annotation
from stapes.train.judge.metrics import ONSET, ONSET_OFFSET, EventLists, Times, match_times
from stapes.train.settings import OperatingPointSettings

Scores = NDArray[np.int8]  # [steps, classes]
Runs = tuple[NDArray[np.int64], NDArray[np.int64]]  # first step of each run, and the step after its last
FOLDS = 5
SILENCE = -128
BETWEEN_STEPS = 256  # of silence between recordings: more than a merge gap, a median and a collar reach over
HITS, BOTH, ANNOTATED, DETECTED = range(4)  # what is counted: hits by onset, hits by onset and offset, events
HOPELESS = 10  # times as many events as are there, over the budget of false alarms: not worth matching


@dataclass(frozen=True)
class Judged:
    """Scores of recordings and the events that are really there."""

    names: tuple[str, ...]
    scores: tuple[Scores, ...]
    reference: EventLists
    classes: tuple[str, ...]
    clock: StepClock
    groups: tuple[str, ...] = ()  # of each recording; without them each is one of its own

    @property
    def hours(self) -> NDArray[np.float64]:
        """How long each recording is; the network's delay makes the scores that much longer."""
        return np.array([self.clock.recorded_s(len(each)) for each in self.scores]) / 3600

    def events(self, configs: Sequence[EventConfig]) -> dict[str, list[Annotation]]:
        """Return what the decoder of the device makes of the scores, per recording."""
        decoder = EventDecoder(self.classes, configs, self.clock)
        return {name: _annotations(decoder, scores) for name, scores in zip(self.names, self.scores, strict=True)}

    def group(self, index: int) -> str:
        """Return the group of a recording."""
        return self.groups[index] if self.groups else self.names[index]


def _annotations(decoder: EventDecoder, scores: Scores) -> list[Annotation]:
    events = completed(decoder.push(scores) + decoder.flush())
    return [Annotation(event.onset, event.offset, event.label, event.confidence) for event in events]


class Candidates:
    """Settings for the events of one class, and what each finds, counted by *unit*.

    An annotated event, its hit and what else is detected during it belong to its source; what is detected where nothing
    of the class is, to the group of its recording. Units are dealt out to folds, so that settings can be chosen
    without what they are judged on.
    """

    def __init__(self, judged: Judged, label: str, settings: OperatingPointSettings) -> None:
        self.label, self.settings, self._clock = label, settings, judged.clock
        scores = [each[:, judged.classes.index(label)] for each in judged.scores]
        self._starts = np.cumsum([0, *(len(each) + BETWEEN_STEPS for each in scores)])[:-1]  # steps
        silence = np.full(BETWEEN_STEPS, SILENCE, np.int8)
        self._scores = np.concatenate([np.concatenate([each, silence]) for each in scores])
        rows = sorted(
            (event.onset, event.offset, index, event.columns.get("source") or judged.group(index))
            for index, name in enumerate(judged.names)
            for event in judged.reference.get(name, ())
            if event.label == label
        )
        groups = [judged.group(index) for index in range(len(judged.names))]
        self.sources, self.groups = sorted({row[3] for row in rows}), sorted(set(groups))
        recording = np.array([row[2] for row in rows], np.int64)
        times = np.rint(1e6 * np.array([row[:2] for row in rows], np.float64).reshape(-1, 2)).astype(np.int64)
        order = np.argsort(self._time(self._starts)[recording] + times[:, 1])
        self._reference: Times = (self._time(self._starts)[recording, None] + times)[order]
        self._source = np.array([self.sources.index(row[3]) for row in rows], np.int64)[order]
        self._group = np.array([self.groups.index(each) for each in groups]) + len(self.sources)  # of each recording
        self.hours = np.zeros(len(self.sources) + len(self.groups))  # of each unit; a source takes no time of its own
        np.add.at(self.hours, self._group, judged.hours)

    @property
    def annotated(self) -> int:
        """Events of the class that are really there."""
        return len(self._reference)

    @cached_property
    def fold(self) -> NDArray[np.int64]:
        """The fold of each unit: the sources with the most events, then the groups, are dealt out in turn."""
        sizes = np.bincount(self._source, minlength=len(self.sources))
        fold = np.zeros(len(self.hours), np.int64)
        fold[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes)) % FOLDS
        fold[len(sizes) :] = np.arange(len(self.groups)) % FOLDS
        return fold

    @cached_property
    def grid(self) -> NDArray[Any]:
        """EventConfig [smoothing, on, off, shortest duration, gap]; equal neighbours where off thresholds saturate."""
        found = self.settings
        axes = found.smoothing_steps, found.on_scores, found.off_ratio, found.min_duration_steps, found.merge_gap_steps
        grid = np.empty([len(axis) for axis in axes], np.object_)
        for place, (smoothing, on, ratio, least, gap) in zip(np.ndindex(*grid.shape), product(*axes), strict=True):
            grid[place] = EventConfig(
                on_score=on,
                off_score=max(-127, round((on + 128) * ratio) - 128),
                smoothing_steps=smoothing,
                min_duration_steps=least,
                merge_gap_steps=gap,
            )
        return grid

    @cached_property
    def counts(self) -> NDArray[np.int32]:
        """What every setting of the grid finds: [*grid, folds, 4], as `by_unit` with the units of a fold together."""
        table = np.zeros((*self.grid.shape, FOLDS, 4), np.int32)
        for place in np.ndindex(*self.grid.shape[:3]):
            runs = self._runs(self.grid[(*place, 0, 0)])
            for inner in np.ndindex(*self.grid.shape[3:]):
                config: EventConfig = self.grid.item(place + inner)
                np.add.at(table[place + inner], self.fold, self._count(runs, config))
        return table

    def by_unit(self, config: EventConfig) -> NDArray[np.int64]:
        """Return [units, 4] (HITS .. DETECTED): sources first, then groups."""
        return self._count(self._runs(config), config)

    def _count(self, runs: Runs, config: EventConfig) -> NDArray[np.int64]:
        found = self._events(runs, config)
        counts = np.zeros((len(self.hours), 4), np.int64)
        np.add.at(counts[:, ANNOTATED], self._source, 1)
        recording = np.searchsorted(self._time(self._starts), found[:, 0], side="right") - 1
        unit = self._during(found, self._group[recording])
        if len(found) <= HOPELESS * (self.annotated + self._allowed):
            for column, collar in ((BOTH, ONSET_OFFSET), (HITS, ONSET)):
                events, hits = match_times(self._reference, found, collar)
                np.add.at(counts[:, column], self._source[events], 1)
            unit[hits] = self._source[events]
        np.add.at(counts[:, DETECTED], unit, 1)
        return counts

    @property
    def _allowed(self) -> float:
        return self.settings.budget(self.label) * float(self.hours.sum())

    def _runs(self, config: EventConfig) -> Runs:
        """Return where the smoothed scores are active by hysteresis."""
        smoothed = median_filter(self._scores, config.smoothing_steps, mode="constant", cval=SILENCE)
        decided = np.where(smoothed >= config.on_score, 1, np.where(smoothed < config.off_score, 0, -1))
        last = np.maximum.accumulate(np.where(decided >= 0, np.arange(len(decided)), 0))
        active = np.concatenate([[0], np.maximum(decided[last], 0), [0]])
        edges = np.flatnonzero(np.diff(active))
        return edges[::2], edges[1::2]

    def _events(self, runs: Runs, config: EventConfig) -> Times:
        """Merge gaps, drop what is short, and return onset and offset of what stays."""
        first, after = runs
        if len(first) > 1:
            apart = first[1:] - after[:-1] > config.merge_gap_steps
            first, after = first[np.concatenate([[True], apart])], after[np.concatenate([apart, [True]])]
        long = after - first >= config.min_duration_steps
        first, after = first[long], after[long]
        start = self._starts[np.searchsorted(self._starts, first, side="right") - 1]
        times = self._time_in_recording(np.stack([first - start, after - start], axis=1))
        heard = times[:, 1] > 0  # what would have ended before the recording began is none
        return (self._time(start)[:, None] + times)[heard]

    def _time(self, steps: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the microseconds at which recordings begin on the common axis."""
        return np.rint(steps * (1e6 * self._clock.step_samples / self._clock.sample_rate_hz)).astype(np.int64)

    def _time_in_recording(self, steps: NDArray[np.int64]) -> Times:
        """Return the microseconds that steps of a recording stand for."""
        clock = self._clock
        samples = (steps - clock.target_delay_steps) * clock.step_samples + clock.origin_samples
        return np.rint(np.maximum(samples, 0) * (1e6 / clock.sample_rate_hz)).astype(np.int64)

    def _during(self, found: Times, otherwise: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the source of the annotated event that sounds during each detected one, else the given unit."""
        if not len(self._reference):
            return otherwise
        onset, offset = self._reference.T
        first = np.minimum(np.searchsorted(offset, found[:, 0], side="right"), len(offset) - 1)
        sounds = (offset[first] > found[:, 0]) & (onset[first] < found[:, 1])
        return np.where(sounds, self._source[first], otherwise)
