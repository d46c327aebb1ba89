"""What one class's scores give under every event setting of a grid, counted by the source of the sound.

Every setting is decoded by the event decoder of the device (firmware_sim/device/event_sweep.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.events import EventConfig, EventDecoder, completed
from stapes.runtime.labels import Annotation
from stapes.train.judge.metrics import ONSET, ONSET_OFFSET, EventLists, Times, match_times
from stapes.train.judge.timeline import Timeline
from stapes.train.settings import OperatingPointSettings

Scores = NDArray[np.int8]  # [steps, classes]
FOLDS = 5
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

    A unit is a source or a group of recordings. An annotated event, its hit and what else is detected during it belong
    to its source; what is detected where no event of the class is annotated belongs to the group of its recording.
    Units are dealt out to folds, so that settings can be chosen without the units that they are judged on.
    """

    def __init__(self, judged: Judged, label: str, settings: OperatingPointSettings) -> None:
        self.label, self.settings = label, settings
        column = judged.classes.index(label)
        self._timeline = Timeline([each[:, column] for each in judged.scores], judged.clock)
        rows = sorted(
            (
                (event, index, event.columns.get("source") or judged.group(index))
                for index, name in enumerate(judged.names)
                for event in judged.reference.get(name, ())
                if event.label == label
            ),
            key=lambda row: (row[0].onset, row[0].offset, *row[1:]),
        )
        groups = [judged.group(index) for index in range(len(judged.names))]
        self.sources, self.groups = sorted({row[2] for row in rows}), sorted(set(groups))
        reference = self._timeline.place([row[0] for row in rows], np.array([row[1] for row in rows], np.int64))
        order = np.argsort(reference[:, 1])
        self._reference: Times = reference[order]
        self._source = np.array([self.sources.index(row[2]) for row in rows], np.int64)[order]
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
        for place in np.ndindex(*self.grid.shape[:2]):  # all settings at once would take too much memory
            detected = self._timeline.detect(self.grid[place].ravel().tolist())
            for inner, found in zip(np.ndindex(*self.grid.shape[2:]), detected, strict=True):
                np.add.at(table[place + inner], self.fold, self._count(found))
        return table

    def by_unit(self, config: EventConfig) -> NDArray[np.int64]:
        """Return [units, 4] (HITS .. DETECTED): sources first, then groups."""
        (found,) = self._timeline.detect([config])
        return self._count(found)

    def _count(self, found: Times) -> NDArray[np.int64]:
        counts = np.zeros((len(self.hours), 4), np.int64)
        np.add.at(counts[:, ANNOTATED], self._source, 1)
        unit = self._during(found, self._group[self._timeline.recording_at(found)])
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

    def _during(self, found: Times, otherwise: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the source of the annotated event that sounds during each detected one, else the given unit."""
        if not len(self._reference):
            return otherwise
        onset, offset = self._reference.T
        first = np.minimum(np.searchsorted(offset, found[:, 0], side="right"), len(offset) - 1)
        sounds = (offset[first] > found[:, 0]) & (onset[first] < found[:, 1])
        return np.where(sounds, self._source[first], otherwise)
