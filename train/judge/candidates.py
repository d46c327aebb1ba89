"""What one class's scores give under every event setting of a grid, counted by the source of the sound.

Every setting is decoded by the event decoder of the device (firmware_sim/device/event_sweep.py).
"""

from collections.abc import Sequence
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.events import EventConfig
from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.labels import Annotation
from stapes.train.judge.intersection import Times, intersect
from stapes.train.judge.metrics import event_free_s, match_times, microseconds, onset_collar, touching
from stapes.train.judge.scored import ScoredRecordings
from stapes.train.judge.timeline import Timeline
from stapes.train.settings import OperatingPointSettings

FOLDS = 5
# Last axis of counts: hits by onset, hits by onset and offset, annotated events and detected events, all four without
# the background; false alarms that touch no annotated event, with it; and by overlap, without it: annotated events
# found, and detected events that do not count.
HITS_ONSET, HITS_BOTH, ANNOTATED, DETECTED, ALARMS, FOUND, ELSEWHERE = range(7)
COLUMNS = 7
# A setting that detects more than this many times the annotated events and the allowed false alarms is not matched.
DETECTED_MAX_RATIO = 10
DENSEST_SHARE, FASTER_ELSEWHERE = 0.05, 4.0  # see `grid_lists`


class Candidates:
    """Settings for the events of one class, and what each finds, counted by *unit*.

    A unit is a source or a group of recordings. An annotated event, its hit and what else is detected during it belong
    to its source; what is detected where no event of the class is annotated belongs to the group of its recording.
    Units are dealt out to folds, so that settings can be chosen without the units that they are judged on.

    background: recordings that are free of events; false alarms are counted in them, and nothing else.
    """

    def __init__(
        self,
        scored: ScoredRecordings,
        label: str,
        settings: OperatingPointSettings,
        background: ScoredRecordings | None = None,
    ) -> None:
        self.label, self.settings = label, settings
        self._onset, self._step_s = onset_collar(settings.collar_percent), scored.clock.step_s
        column = scored.classes.index(label)
        quiet = background.scores if background else ()
        self._timeline = Timeline([each[:, column] for each in (*scored.scores, *quiet)], scored.clock)
        rows = sorted(
            (
                (event, index, event.columns.get("source") or scored.group(index))
                for index, name in enumerate(scored.names)
                for event in scored.reference.get(name, ())
                if event.label == label
            ),
            key=lambda row: (row[0].onset, row[0].offset, *row[1:]),
        )
        _require_durations(settings, [row[0] for row in rows])
        groups = [scored.group(index) for index in range(len(scored.names))]
        self.sources, self.groups = sorted({row[2] for row in rows}), sorted(set(groups))
        quiet_groups = [background.group(index) for index in range(len(quiet))] if background else []
        self.background_groups = sorted(set(quiet_groups))
        reference = self._timeline.place([row[0] for row in rows], np.array([row[1] for row in rows], np.int64))
        order = np.argsort(reference[:, 1])
        self._reference: Times = reference[order]
        self._source = np.array([self.sources.index(row[2]) for row in rows], np.int64)[order]
        first_quiet = len(self.sources) + len(self.groups)
        self._group = np.array(  # the unit of each recording
            [len(self.sources) + self.groups.index(each) for each in groups]
            + [first_quiet + self.background_groups.index(each) for each in quiet_groups]
        )
        self._first_background = len(groups)  # the index of the first recording of the background
        n_units = first_quiet + len(self.background_groups)
        self.hours = np.zeros(
            n_units
        )  # of each unit; a source takes no time of its own, and the background counts none
        np.add.at(self.hours, self._group[: len(groups)], scored.hours)
        self.alarm_hours = np.zeros(n_units)  # hours of each unit in which no event of the class is annotated
        np.add.at(self.alarm_hours, self._group, self._event_free_hours(scored, background))

    def _event_free_hours(self, scored: ScoredRecordings, background: ScoredRecordings | None) -> NDArray[np.float64]:
        """Return float64[recordings], those of the background last."""
        hours = [
            event_free_s(
                microseconds([each for each in scored.reference.get(name, ()) if each.label == self.label]),
                0,
                round(own * 3.6e9),
            )
            / 3600
            for name, own in zip(scored.names, scored.hours, strict=True)
        ]
        return np.array([*hours, *(background.hours if background else ())])

    @property
    def annotated(self) -> int:
        """Return how many events of the class are annotated."""
        return len(self._reference)

    @property
    def has_durations(self) -> bool:
        """Return whether all annotated events have a duration, without which there are no figures by overlap."""
        return bool((self._reference[:, 1] > self._reference[:, 0]).all())

    @cached_property
    def grid_lists(self) -> tuple[tuple[Any, ...], ...]:
        """Return the values that are tried: smoothing, on scores, off ratio, minimum duration, merge gap.

        Whoever labels points counts events, and elsewhere they may come faster: somebody else types. Events four times
        as dense as the densest here, the 5 % that follow each other most closely, must be merged neither by a gap nor
        by a mean over several steps, so of both only the smallest is tried and what is short enough for that. With
        durations, and with a single event, all are tried.
        """
        lists = self.settings
        smoothing, gaps = lists.smoothing_steps, lists.merge_gap_steps
        spacing_s = self._densest_spacing_s
        if spacing_s is not None:
            longest = spacing_s / FASTER_ELSEWHERE / self._step_s
            smoothing, gaps = (
                (smallest, *(each for each in longer if each <= longest)) for smallest, *longer in (smoothing, gaps)
            )
        return smoothing, lists.on_scores, lists.off_ratio, lists.min_duration_steps, gaps

    @property
    def _densest_spacing_s(self) -> float | None:
        """Return the time from onset to onset that 5 % of point labels fall short of; None without point labels."""
        onset = np.sort(self._reference[:, 0])
        recording = self._timeline.recording_at(np.column_stack([onset, onset]))
        spacing_us = np.diff(onset)[np.diff(recording) == 0]
        if self.has_durations or not len(spacing_us):
            return None
        return float(np.quantile(spacing_us, DENSEST_SHARE)) / 1e6

    @cached_property
    def fold(self) -> NDArray[np.int64]:
        """Return int64[units], the fold of each unit. Folds take turns, the sources with the most events first.

        A group that is a source, as where labels name none, stays in its fold: its events are not judged with
        settings that were chosen on its false alarms.
        """
        sizes = np.bincount(self._source, minlength=len(self.sources))
        fold = np.zeros(len(self.hours), np.int64)
        fold[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes)) % FOLDS
        of_group = dict(zip(self.sources, fold.tolist(), strict=False))
        others = [group for group in self.groups if group not in of_group]
        of_group |= {group: number % FOLDS for number, group in enumerate(others)}
        n_groups = len(self.groups)
        fold[len(sizes) : len(sizes) + n_groups] = [of_group[group] for group in self.groups]
        fold[len(sizes) + n_groups :] = np.arange(len(self.background_groups)) % FOLDS
        return fold

    @cached_property
    def grid(self) -> NDArray[Any]:
        """Return EventConfig[smoothing, on score, off ratio, minimum duration, merge gap].

        Neighbours along the third axis are equal where off_score reaches its lowest value.
        """
        axes = self.grid_lists
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
        """Return int32[*grid, folds, 7]: for every setting the counts of `by_unit`, summed over the units of a fold.

        Those by overlap are 0 unless the settings are chosen by them.
        """
        by_overlap = self.settings.hits == "overlap"
        table = np.zeros((*self.grid.shape, FOLDS, COLUMNS), np.int32)
        for place in np.ndindex(*self.grid.shape[:2]):  # all settings at once would take too much memory
            detected = self._timeline.detect(self.grid[place].ravel().tolist())
            counted: dict[bytes, NDArray[np.int32]] = {}  # many settings find the same events
            for inner, found in zip(np.ndindex(*self.grid.shape[2:]), detected, strict=True):
                same = found.tobytes()
                if same not in counted:
                    counted[same] = np.zeros((FOLDS, COLUMNS), np.int32)
                    np.add.at(counted[same], self.fold, self._count(found, by_overlap))
                table[place + inner] = counted[same]
        return table

    def by_unit(self, config: EventConfig) -> NDArray[np.int64]:
        """Return int64[units, 7], indexed by HITS_ONSET to ELSEWHERE: what a setting finds of each source and group.

        Hits stay 0 for a setting that detects far too many events.
        """
        (found,) = self._timeline.detect([config])
        return self._count(found, by_overlap=self.has_durations)

    def _count(self, found: Times, by_overlap: bool) -> NDArray[np.int64]:
        counts = np.zeros((len(self.hours), COLUMNS), np.int64)
        np.add.at(counts[:, ANNOTATED], self._source, 1)
        recording = self._timeline.recording_at(found)
        np.add.at(counts[:, ALARMS], self._group[recording[~touching(self._reference, found)]], 1)
        found = found[recording < self._first_background]
        unit = self._during(found, self._group[recording[: len(found)]])
        if len(found) <= DETECTED_MAX_RATIO * (self.annotated + self._allowed):
            if by_overlap:
                heard, in_place = intersect(self._reference, found)
                np.add.at(counts[:, FOUND], self._source[heard], 1)
                np.add.at(counts[:, ELSEWHERE], unit[~in_place], 1)
            for column, collar in ((HITS_BOTH, self._onset.with_offset()), (HITS_ONSET, self._onset)):
                events, hits = match_times(self._reference, found, collar)
                np.add.at(counts[:, column], self._source[events], 1)
            unit[hits] = self._source[events]
        np.add.at(counts[:, DETECTED], unit, 1)
        return counts

    @property
    def _allowed(self) -> float:
        return self.settings.budget(self.label) * float(self.alarm_hours.sum())

    def _during(self, found: Times, otherwise: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the source of the annotated event that sounds during each detected one, else the given unit."""
        if not len(self._reference):
            return otherwise
        onset, offset = self._reference.T
        first = np.minimum(np.searchsorted(offset, found[:, 0], side="right"), len(offset) - 1)
        sounds = (offset[first] > found[:, 0]) & (onset[first] < found[:, 1])
        return np.where(sounds, self._source[first], otherwise)


def _require_durations(settings: OperatingPointSettings, events: Sequence[Annotation]) -> None:
    """Raise ConfigError if settings are to be chosen by overlap and one of these events has no duration."""
    for event in events:
        if settings.hits == "overlap" and event.offset <= event.onset:
            raise ConfigError(
                f"{event.place or event.label}: {event.label!r} at {event.onset:g} s has no duration, so that nothing "
                "can overlap it; choose by onset, or label from where to where it sounds"
            )
