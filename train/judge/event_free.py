"""The time in which no event is annotated, in two parts: during sounds that are known to be none, and away from them.

Such sounds (distractors) may be named with their times. An alarm is a detected event that begins in event-free time.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stapes.runtime.labels import Annotation
from stapes.train.judge.intersection import Times, union
from stapes.train.judge.metrics import EventLists
from stapes.train.judge.scored import ScoredRecordings
from stapes.train.judge.timeline import Timeline

MARGIN_S = 0.5  # around events and distractors: a detector may answer to a sound a little before or after its label
AWAY, DURING = 0, 1  # last axis of hours and counts: away from distractors, and during them


class EventFreeTime:
    """Which part of the common time axis of some recordings is free of annotated events of all classes.

    hours: float64[recordings, 2], indexed by AWAY and DURING.
    """

    def __init__(self, scored: ScoredRecordings, distractors: EventLists) -> None:
        """distractors: intervals by recording name; their labels are ignored, and so are other recordings."""
        self._timeline = Timeline([each[:, 0] for each in scored.scores], scored.clock)
        whole = [Annotation(0.0, hours * 3600, "") for hours in scored.hours]
        self._bounds = self._timeline.place(whole, np.arange(len(whole)))
        events, others = (self._intervals(scored.names, each) for each in (scored.reference, distractors))
        self._near_event, self._known = union(events), union(np.concatenate([events, others]))
        near_event, known = self._covered(self._near_event), self._covered(self._known)
        length = np.diff(self._bounds)[:, 0]
        self.hours = np.stack([length - known, known - near_event], axis=1) / 3.6e9

    def count(self, found: Times) -> NDArray[np.int64]:
        """Return int64[recordings, 2]: how many of these detected events are alarms, AWAY and DURING distractors.

        found: of `Timeline.detect`, on the time axis of the same recordings.
        """
        alarms = found[~_inside(found[:, 0], self._near_event)]
        counts = np.zeros(self.hours.shape, np.int64)
        part = np.where(_inside(alarms[:, 0], self._known), DURING, AWAY)
        np.add.at(counts, (self._timeline.recording_at(alarms), part), 1)
        return counts

    def _intervals(self, names: Sequence[str], events: EventLists) -> Times:
        """Return the intervals with their margins, within their recordings, on the common axis."""
        rows = [(index, each) for index, name in enumerate(names) for each in events.get(name, ())]
        recording = np.array([index for index, _ in rows], np.int64)
        margin = round(MARGIN_S * 1e6) * np.array([-1, 1])
        times = self._timeline.place([each for _, each in rows], recording) + margin
        return np.clip(times, self._bounds[recording, :1], self._bounds[recording, 1:])

    def _covered(self, merged: Times) -> NDArray[np.int64]:
        """Return int64[recordings]: how many microseconds of each recording these intervals cover."""
        covered = np.zeros(len(self._bounds), np.int64)
        np.add.at(covered, self._timeline.recording_at(merged), np.diff(merged)[:, 0])
        return covered


def _inside(times: NDArray[np.int64], merged: Times) -> NDArray[np.bool_]:
    """Return for each time whether one of the disjoint intervals [onset, offset) holds it."""
    return np.searchsorted(merged.ravel(), times, side="right") % 2 == 1
