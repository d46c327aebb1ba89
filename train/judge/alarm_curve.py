"""Recall of a class against its alarms per hour, as its thresholds move: what its scores can do at any threshold.

Every on threshold is decoded by the event decoder of the device, with the smoothing, the durations and the ratio of the
two thresholds of a given setting.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.events import EventConfig
from stapes.train.judge.event_free import EventFreeTime
from stapes.train.judge.metrics import ONSET, Collar, Estimate, estimate, match_times, resample_weights
from stapes.train.judge.scored import ScoredRecordings
from stapes.train.judge.timeline import Timeline

ON_SCORES = tuple(range(127, -128, -1))


class ClassEvents:
    """The annotated events of one class in some recordings, by source, and what detected events find of them.

    A source is what the column `source` of a label says, or else the group of the recording.
    """

    def __init__(self, scored: ScoredRecordings, label: str) -> None:
        column = scored.classes.index(label)
        self.timeline = Timeline([each[:, column] for each in scored.scores], scored.clock)
        rows = [
            (index, each)
            for index, name in enumerate(scored.names)
            for each in sorted(scored.reference.get(name, ()), key=lambda event: (event.onset, event.offset))
            if each.label == label
        ]
        names = [each.columns.get("source") or scored.group(index) for index, each in rows]
        self.sources, self._source = np.unique(np.array(names, np.str_), return_inverse=True)
        self._reference = self.timeline.place([each for _, each in rows], np.array([index for index, _ in rows], int))
        self._n_recordings = len(scored.names)

    @property
    def annotated(self) -> NDArray[np.int64]:
        """Return int64[sources], the number of annotated events."""
        return np.bincount(self._source, minlength=len(self.sources))

    def matches(self, config: EventConfig, collar: Collar = ONSET) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the hits of each source, int64[sources], and the false events in each recording, int64[recordings]."""
        (found,) = self.timeline.detect([config])
        events, hits = match_times(self._reference, found, collar)
        false = self.timeline.recording_at(np.delete(found, hits, axis=0))
        return self._by_source(events), np.bincount(false, minlength=self._n_recordings)

    def hits(self, configs: Sequence[EventConfig]) -> NDArray[np.int64]:
        """Return int64[configs, sources], the hits by onset; the settings share one smoothing."""
        found = self.timeline.detect(configs)
        return np.stack([self._by_source(match_times(self._reference, each)[0]) for each in found])

    def _by_source(self, events: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.bincount(self._source[events], minlength=len(self.sources))


@dataclass(frozen=True)
class AlarmCurve:
    """What one class's scores find and what alarms they raise at each on threshold of ON_SCORES, the highest first."""

    sources: tuple[str, ...]
    annotated: NDArray[np.int64]  # [sources]
    hits: NDArray[np.int64]  # [thresholds, sources], by onset
    alarms: NDArray[np.int64]  # [thresholds, recordings, 2]: away from distractors, and during them
    hours: NDArray[np.float64]  # [recordings, 2]: event-free time in these two parts

    def recall_at(self, per_hour: float) -> Estimate:
        """Return the best recall with at most so many alarms per hour of event-free time, with its 95 % interval.

        Sources and recordings are resampled, and the threshold is chosen anew each time. nan without events.
        """
        sources, recordings = (
            np.concatenate([np.ones((1, size)), resample_weights(size, seed=seed)])
            for seed, size in enumerate((max(1, len(self.sources)), len(self.hours)))
        )
        hits, annotated = self.found_within(per_hour, sources, recordings)
        recall = np.divide(hits, annotated, out=np.full(len(hits), np.nan), where=annotated > 0)
        return estimate(float(recall[0]), recall[1:])

    def found_within(
        self, per_hour: float, sources: NDArray[np.float64], recordings: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the hits at the best threshold within a rate of alarms, and the annotated events, float64[resamples].

        sources: float64[resamples, sources], recordings: float64[resamples, recordings]: how often each is drawn.
        """
        if not len(self.sources):
            return np.zeros(len(sources)), np.zeros(len(sources))
        alarms = recordings @ self.alarms.sum(axis=-1).T
        most = per_hour * (recordings @ self.hours.sum(axis=-1))
        return hits_within(sources @ self.hits.T, alarms, most), sources @ self.annotated


def hits_within(
    hits: NDArray[np.float64], alarms: NDArray[np.float64], most: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return [...]: the most hits at a threshold above the first with too many alarms; 0 where the first has too many.

    hits, alarms: [..., thresholds] from the highest threshold down; most: [...], the alarms that are allowed.
    Thresholds below the first with too many are not considered: far down, all events merge into a few long ones.
    """
    allowed = np.logical_and.accumulate(alarms <= most[..., None] + 1e-9, axis=-1)
    return np.asarray(np.where(allowed, hits, 0.0).max(axis=-1))


def at_threshold(config: EventConfig, on_score: int) -> EventConfig:
    """Return the setting with another on threshold, and the off threshold at the same ratio of probabilities."""
    ratio = (config.off_score + 128) / (config.on_score + 128)
    return replace(config, on_score=on_score, off_score=max(-127, round((on_score + 128) * ratio) - 128))


def alarm_curve(
    judged: ScoredRecordings, listened: ScoredRecordings, free: EventFreeTime, label: str, config: EventConfig
) -> AlarmCurve:
    """Return the curve of one class: recall in the recordings `judged`, alarms in the event-free time of `listened`.

    free: of the recordings `listened`, which may be the same. config: what stays as it is while the thresholds move.
    """
    configs = [at_threshold(config, on_score) for on_score in ON_SCORES]
    events = ClassEvents(judged, label)
    return AlarmCurve(
        sources=tuple(events.sources.tolist()),
        annotated=events.annotated,
        hits=events.hits(configs),
        alarms=np.stack([free.count(found) for found in ClassEvents(listened, label).timeline.detect(configs)]),
        hours=free.hours,
    )
