"""Where scores become events: thresholds, hysteresis, smoothing, gaps and durations, chosen per class.

Every candidate is judged by the decoder of the device and the matcher of the evaluation. What is maximised is the mean
of event F1 by onset and by onset and offset, averaged over neighbouring thresholds: a peak that the next threshold
does not share is luck, and would not be there in another recording.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.events import EventConfig, EventDecoder, StepClock, completed
from stapes.runtime.console import Progress
from stapes.runtime.labels import Annotation
from stapes.train.metrics import ONSET, ONSET_OFFSET, EventLists, f1, match_events
from stapes.train.settings import OperatingPointSettings

Scores = NDArray[np.int8]  # [steps, classes]
ON_SCORES = tuple(range(-116, 124, 12))  # probabilities from .05 to .95
GAP_BETWEEN_RECORDINGS_S = 10.0


@dataclass(frozen=True)
class Judged:
    """Scores of recordings and the events that are really there."""

    names: tuple[str, ...]
    scores: tuple[Scores, ...]
    reference: EventLists
    classes: tuple[str, ...]
    clock: StepClock

    def only(self, indices: Sequence[int]) -> "Judged":
        """Return the same with some of the recordings."""
        names = tuple(self.names[index] for index in indices)
        return replace(self, names=names, scores=tuple(self.scores[index] for index in indices))

    @property
    def hours(self) -> float:
        """How long the recordings are together."""
        return sum(map(len, self.scores)) * self.clock.step_samples / self.clock.sample_rate_hz / 3600

    def events(self, configs: Sequence[EventConfig]) -> dict[str, list[Annotation]]:
        """Return what the decoder of the device makes of the scores, per recording."""
        decoder = EventDecoder(self.classes, configs, self.clock)
        return {name: _annotations(decoder, scores) for name, scores in zip(self.names, self.scores, strict=True)}


def choose(judged: Judged, settings: OperatingPointSettings, task: str = "thresholds") -> tuple[EventConfig, ...]:
    """Return the settings of every class that make the best events of these scores."""
    progress = Progress(task, len(judged.classes))
    configs = []
    for label in judged.classes:
        search = _Search(judged, label)
        best = EventConfig()
        for _ in range(2):
            best = search.best(_thresholds(best, settings))
            best = search.best(_durations(best, settings))
        configs.append(best)
        progress.advance(label)
    progress.close()
    return tuple(configs)


def expected_f1(judged: Judged, groups: Sequence[str], settings: OperatingPointSettings) -> dict[str, float]:
    """Return macro F1 where every half of the groups is judged with settings chosen on the other half."""
    names = sorted(set(groups))
    halves = [[index for index, group in enumerate(groups) if names.index(group) % 2 == half] for half in (0, 1)]
    scores = []
    for own, other in (halves, halves[::-1]):
        configs = choose(judged.only(other), settings, "thresholds on half of the recordings")
        searches = [_Search(judged.only(own), label) for label in judged.classes]
        scores.append([search.counts(config) for search, config in zip(searches, configs, strict=True)])
    totals = np.sum(scores, axis=0)  # [classes, collars, 3]
    by_onset, by_both = np.nanmean(f1(totals), axis=0)
    return {"macro_f1_onset": float(by_onset), "macro_f1_onset_offset": float(by_both)}


class _Search:
    """Candidates for one class, each decoded and matched once, all recordings on one time axis."""

    def __init__(self, judged: Judged, label: str) -> None:
        self._label, self._clock = label, judged.clock
        column = judged.classes.index(label)
        self._scores = [np.ascontiguousarray(scores[:, column : column + 1]) for scores in judged.scores]
        lengths = [len(scores) * judged.clock.step_samples / judged.clock.sample_rate_hz for scores in judged.scores]
        self._starts = np.concatenate([[0.0], np.cumsum(np.array(lengths) + GAP_BETWEEN_RECORDINGS_S)])
        self._reference = [
            _shifted(event, start)
            for name, start in zip(judged.names, self._starts, strict=False)
            for event in judged.reference.get(name, ())
            if event.label == label
        ]
        self._known: dict[EventConfig, NDArray[np.int64]] = {}

    def counts(self, config: EventConfig) -> NDArray[np.int64]:
        """Return [collars, 3]: hits, annotated and detected events, by onset and by onset and offset."""
        if config not in self._known:
            decoder = EventDecoder([self._label], [config], self._clock)
            found = [
                _shifted(event, start)
                for scores, start in zip(self._scores, self._starts, strict=False)
                for event in _annotations(decoder, scores)
            ]
            hits = [len(match_events(self._reference, found, collar)) for collar in (ONSET, ONSET_OFFSET)]
            self._known[config] = np.array([[hit, len(self._reference), len(found)] for hit in hits], np.int64)
        return self._known[config]

    def best(self, candidates: Iterable[EventConfig]) -> EventConfig:
        """Return the candidate with the best smoothed score; the first of equals."""
        return max(candidates, key=self._smoothed)

    def _smoothed(self, config: EventConfig) -> float:
        return sum(
            weight * float(np.nan_to_num(f1(self.counts(neighbour))).mean())
            for weight, neighbour in zip((0.5, 0.25, 0.25), _neighbours(config), strict=True)
        )


def _thresholds(best: EventConfig, settings: OperatingPointSettings) -> list[EventConfig]:
    return [
        replace(best, on_score=on, off_score=_off_score(on, ratio), smoothing_steps=smoothing)
        for smoothing, on, ratio in product(settings.smoothing_steps, ON_SCORES, settings.off_ratio)
    ]


def _durations(best: EventConfig, settings: OperatingPointSettings) -> list[EventConfig]:
    return [
        replace(best, min_duration_steps=least, merge_gap_steps=gap)
        for least, gap in product(settings.min_duration_steps, settings.merge_gap_steps)
    ]


def _neighbours(config: EventConfig) -> list[EventConfig]:
    """The candidate and the two beside it, with the off threshold in the same proportion."""
    ratio = (config.off_score + 128) / (config.on_score + 128)
    beside = [min(max(config.on_score + change, ON_SCORES[0]), ON_SCORES[-1]) for change in (-12, 12)]
    return [config, *(replace(config, on_score=on, off_score=_off_score(on, ratio)) for on in beside)]


def _off_score(on_score: int, ratio: float) -> int:
    return max(-127, round((on_score + 128) * ratio) - 128)


def _annotations(decoder: EventDecoder, scores: Scores) -> list[Annotation]:
    events = completed(decoder.push(scores) + decoder.flush())
    return [Annotation(event.onset, event.offset, event.label, event.confidence) for event in events]


def _shifted(event: Annotation, seconds: float) -> Annotation:
    return Annotation(event.onset + seconds, event.offset + seconds, event.label)
