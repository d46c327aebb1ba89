"""The int8 scores of a detector on recordings, from which events can be made under any settings."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.events import EventConfig, EventDecoder, completed
from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.device.frontend import Frontend
from stapes.firmware_sim.device.tail import with_tail
from stapes.runtime.console import Progress
from stapes.runtime.labels import Annotation
from stapes.runtime.litert_engine import LitertEngine
from stapes.train.data.dataset import Recording
from stapes.train.judge.metrics import ONSET, Collar, EventLists, EventScores, event_scores

Scores = NDArray[np.int8]  # [steps, classes]; probability = (score + 128) / 256


@dataclass(frozen=True)
class ScoredRecordings:
    """Scores of some recordings and the events that are annotated in them."""

    names: tuple[str, ...]  # of the recordings
    scores: tuple[Scores, ...]  # of each recording and its tail
    reference: EventLists
    classes: tuple[str, ...]  # in the order of the scores' columns
    clock: StepClock
    groups: tuple[str, ...] = ()  # one per recording; without them each recording is a group of its own

    @property
    def hours(self) -> NDArray[np.float64]:
        """Return how long each recording is, float64[recordings]."""
        return np.array([self.clock.recorded_s(len(each)) for each in self.scores]) / 3600

    def events(self, configs: Sequence[EventConfig]) -> dict[str, list[Annotation]]:
        """Return the events of each recording that the device's decoder makes with one setting per class."""
        decoder = EventDecoder(self.classes, configs, self.clock)
        return {name: decode(decoder, scores) for name, scores in zip(self.names, self.scores, strict=True)}

    def group(self, index: int) -> str:
        """Return the group of a recording."""
        return self.groups[index] if self.groups else self.names[index]


def decode(decoder: EventDecoder, scores: Scores) -> list[Annotation]:
    """Return the complete events of one recording's scores, in order of onset; the decoder is ready for the next."""
    events = completed(decoder.push(scores) + decoder.flush())
    return [Annotation(event.onset, event.offset, event.label, event.confidence) for event in events]


def score_recordings(
    folder: DetectorFolder, recordings: Sequence[Recording], features: Iterable[NDArray[np.int8]]
) -> ScoredRecordings:
    """Score recordings with the detector's int8 model.

    features: int8[frames, bands] of each recording and its tail, as `features_of` gives them.
    """
    engine = LitertEngine(folder)
    scores = []
    progress = Progress("int8 scores", len(recordings))
    for frames in features:
        engine.reset()
        steps = len(frames) // folder.frames_per_step
        whole = frames[: steps * folder.frames_per_step]
        scores.append(engine.run(whole.reshape(steps, folder.frames_per_step, folder.frontend.n_bands)))
        progress.advance()
    progress.close()
    reference = {recording.name: recording.annotations for recording in recordings}
    groups = tuple(recording.group for recording in recordings)
    return ScoredRecordings(tuple(reference), tuple(scores), reference, folder.classes, folder.clock, groups)


def features_of(folder: DetectorFolder, recordings: Iterable[Recording]) -> Iterator[NDArray[np.int8]]:
    """Yield int8[frames, bands] of each recording and its tail, made by the detector's frontend.

    Raises AudioError for a recording that cannot be read.
    """
    frontend, clock = Frontend(folder.tables), folder.clock
    pcm = (recording.pcm(clock.sample_rate_hz) for recording in recordings)
    return (frontend.features(with_tail(clock, each)) for each in pcm)


def event_scores_of(
    scored: ScoredRecordings, recordings: Sequence[Recording], configs: Sequence[EventConfig], onset: Collar = ONSET
) -> EventScores:
    """Return the figures of the events that the scores give with one setting per class."""
    durations_s = {recording.name: recording.duration_s for recording in recordings}
    return event_scores(scored.reference, scored.events(configs), durations_s, scored.classes, onset)
