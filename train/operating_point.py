"""Where scores become events: thresholds, hysteresis, smoothing, gaps and durations, chosen per class.

Every candidate is judged by the decoder of the device and the matcher of the evaluation. Without a budget of false
alarms, what is maximised is the mean of event F1 by onset and by onset and offset, averaged over neighbouring
thresholds: a peak that the next threshold does not share is luck, and would not be there in another recording. With a
budget it is recall by onset.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.events import EventConfig, EventDecoder, StepClock, completed
from stapes.firmware_sim.folder import DetectorFolder
from stapes.runtime.console import Progress, note
from stapes.runtime.engine import LitertEngine
from stapes.runtime.labels import Annotation
from stapes.train.dataset import Recording
from stapes.train.metrics import ONSET, ONSET_OFFSET, EventLists, EventScores, event_scores, f1, match_events
from stapes.train.settings import OperatingPointSettings

Scores = NDArray[np.int8]  # [steps, classes]
# Even steps of the logit: probabilities .02, .03, .04, ... .95, .97. Rare classes of unknown sources score low.
ON_SCORES = tuple(round(256 / (1 + math.exp(-logit / 3))) - 128 for logit in range(-12, 11))
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


def judge(folder: DetectorFolder, recordings: Sequence[Recording], features: Iterable[NDArray[np.int8]]) -> Judged:
    """Score recordings by the int8 step itself, frame by frame; features as the folder's frontend gives them."""
    engine = LitertEngine(folder)
    scores = []
    progress = Progress("int8 scores", len(recordings))
    for frames in features:
        engine.reset()
        steps = len(frames) // folder.frames_per_step
        whole = frames[: steps * folder.frames_per_step]
        scores.append(engine.run(whole.reshape(steps, folder.frames_per_step, -1)))
        progress.advance()
    progress.close()
    reference = {recording.name: recording.annotations for recording in recordings}
    return Judged(tuple(reference), tuple(scores), reference, folder.classes, folder.clock)


def choose(judged: Judged, settings: OperatingPointSettings, task: str = "thresholds") -> tuple[EventConfig, ...]:
    """Return the settings of every class that make the best events of these scores."""
    progress = Progress(task, len(judged.classes))
    configs = []
    for label in judged.classes:
        search = _Search(judged, label, settings.false_alarms_per_hour)
        best = EventConfig(on_score=0, off_score=0)
        for _ in range(2 if search.annotated else 0):  # thresholds depend on durations, and these on thresholds
            best = search.best(_thresholds(best, settings))
            best = search.best(_durations(best, settings))
        if not search.annotated:
            note(f"note: {label!r} has no events to choose thresholds on; they stay at a probability of 1/2")
        configs.append(best)
        progress.advance(label)
    progress.close()
    return tuple(configs)


def reached(judged: Judged, recordings: Sequence[Recording], configs: Sequence[EventConfig]) -> EventScores:
    """Judge the events that these settings make of the scores."""
    durations_s = {recording.name: recording.duration_s for recording in recordings}
    return event_scores(judged.reference, judged.events(configs), durations_s, judged.classes)


def elsewhere(judged: Judged, recordings: Sequence[Recording], settings: OperatingPointSettings) -> EventScores | None:
    """Return what to expect elsewhere: each half of the groups judged with settings chosen on the other half.

    None where there is only one group.
    """
    names = sorted({recording.group for recording in recordings})
    if len(names) < 2:
        return None
    half_of = [names.index(recording.group) % 2 for recording in recordings]
    halves = [[index for index, half in enumerate(half_of) if half == wanted] for wanted in (0, 1)]
    detected: dict[str, list[Annotation]] = {}
    for own, other in (halves, halves[::-1]):
        configs = choose(judged.only(other), settings, "thresholds on half of the groups")
        detected |= judged.only(own).events(configs)
    durations_s = {recording.name: recording.duration_s for recording in recordings}
    return event_scores(judged.reference, detected, durations_s, judged.classes)


def describe(part: str, settings: OperatingPointSettings, to_expect: EventScores | None) -> dict[str, Any]:
    """Return how thresholds were chosen, on what, and what to expect of them elsewhere, for detector.json."""
    budget = settings.false_alarms_per_hour
    best_f1 = "best mean of event F1 by onset and by onset and offset, over neighbouring thresholds"
    return {
        "rule": f"best recall within {budget:g} false alarms per hour and class" if budget else best_f1,
        "chosen_on": part,
        "expected": None if to_expect is None else to_expect.as_dict(),
        "expected_by": "each half of the groups judged with thresholds chosen on the other half",
    }


class _Search:
    """Candidates for one class, each decoded and matched once, all recordings on one time axis."""

    def __init__(self, judged: Judged, label: str, false_alarms_per_hour: float) -> None:
        self._most = false_alarms_per_hour * judged.hours
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

    @property
    def annotated(self) -> int:
        """Events of the class that are really there."""
        return len(self._reference)

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
        return max(candidates, key=self._within_budget if self._most else self._smoothed)

    def _within_budget(self, config: EventConfig) -> float:
        """Recall by onset; false alarms beyond the budget count below everything else."""
        hits, annotated, found = self.counts(config)[0]
        excess = max(0.0, found - hits - self._most)
        return -excess if excess else hits / max(annotated, 1) - 1e-6 * (found - hits)

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
    place = ON_SCORES.index(config.on_score)
    beside = [ON_SCORES[max(place - 1, 0)], ON_SCORES[min(place + 1, len(ON_SCORES) - 1)]]
    return [config, *(replace(config, on_score=on, off_score=_off_score(on, ratio)) for on in beside)]


def _off_score(on_score: int, ratio: float) -> int:
    return max(-127, round((on_score + 128) * ratio) - 128)


def _annotations(decoder: EventDecoder, scores: Scores) -> list[Annotation]:
    events = completed(decoder.push(scores) + decoder.flush())
    return [Annotation(event.onset, event.offset, event.label, event.confidence) for event in events]


def _shifted(event: Annotation, seconds: float) -> Annotation:
    return Annotation(event.onset + seconds, event.offset + seconds, event.label)
