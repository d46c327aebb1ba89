"""Recordings through the deployed path (fixed-point features, int8 step, C events), and what came out of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.events import EventDecoder, completed
from stapes.firmware_sim.errors import DatasetError
from stapes.runtime.audio import read_audio
from stapes.runtime.console import Progress
from stapes.runtime.detector import Detector
from stapes.runtime.labels import Annotation
from stapes.train.data.dataset import Dataset, Recording


@dataclass(frozen=True)
class Judged:
    """One recording, and what the detector said about it."""

    recording: Recording
    scores: NDArray[np.int8]  # [steps, classes]; probability = (score + 128) / 256
    detected: tuple[Annotation, ...]  # complete events by onset
    announced_s: tuple[float, ...]  # for each of them: seconds that had been heard when it was announced, tail included


def choose_split(dataset: Dataset, split: str | None) -> str:
    """Return the part to judge: the one named, else test, else val. Raises DatasetError where there is none."""
    if split is None:
        split = "test" if "test" in dataset.splits else "val"
    if split not in dataset.splits:
        there = ", ".join(dataset.splits) or "none"
        raise DatasetError(
            f"{dataset.path}: no {split} part in it ({dataset.split_by}; parts: {there}); name another one"
        )
    return split


def require_known_classes(detector: Detector, recordings: Sequence[Recording], dataset: Dataset) -> None:
    """Raise DatasetError for an annotation of a class that the detector was not trained for."""
    for recording in recordings:
        for event in recording.annotations:
            if event.label not in detector.classes:
                raise DatasetError(
                    f"{event.place}: the detector does not know class {event.label!r}, only "
                    f"{', '.join(detector.classes)}; rename or ignore it in {dataset.path / 'label_map.tsv'}"
                )


def judge(detector: Detector, recordings: Sequence[Recording]) -> list[Judged]:
    """Hear every recording. Raises AudioError for one that cannot be read."""
    progress = Progress("detecting", len(recordings))
    judged = []
    for recording in recordings:
        judged.append(_judge(detector, recording))
        progress.advance(recording.name)
    minutes = sum(each.duration_s for each in recordings) / 60
    progress.close(f"{len(recordings)} recordings, {minutes:.1f} min")
    return judged


def _judge(detector: Detector, recording: Recording) -> Judged:
    heard = detector.hear_recording(read_audio(recording.path, detector.sample_rate_hz).pcm)
    announced = _announced_s(detector, heard.scores)
    done = completed(heard.events)
    return Judged(
        recording,
        heard.scores,
        tuple(Annotation(each.onset, each.offset, each.label, each.confidence) for each in done),
        tuple(announced[each.label, each.onset_sample] for each in done),
    )


def _announced_s(detector: Detector, scores: NDArray[np.int8]) -> dict[tuple[str, int], float]:
    """Return when each event was announced: a step is heard as soon as its last frame is whole."""
    announced: dict[tuple[str, int], float] = {}
    folder = detector.folder
    decoder = EventDecoder(folder.classes, folder.events, folder.clock)
    heard_s = 0.0
    for step, of_classes in enumerate(scores):
        heard_samples = folder.frontend.samples_of((step + 1) * folder.frames_per_step)
        heard_s = heard_samples / detector.sample_rate_hz
        for event in decoder.push(of_classes[None]):
            announced.setdefault((event.label, event.onset_sample), heard_s)
    for event in decoder.flush():
        announced.setdefault((event.label, event.onset_sample), heard_s)
    return announced
