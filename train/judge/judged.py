"""Run a detector on labelled recordings as a device does: fixed-point features, int8 model, event decoder in C."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.events import EventDecoder, completed
from stapes.firmware_sim.errors import DatasetError
from stapes.runtime.console import Progress
from stapes.runtime.detector import Detector
from stapes.runtime.labels import Annotation
from stapes.train.data.dataset import Dataset, Recording

ALL = "all"  # in place of the name of a split: the recordings of all of them


@dataclass(frozen=True)
class JudgedRecording:
    """One recording, and the scores and events that the detector gave for it."""

    recording: Recording
    scores: NDArray[np.int8]  # [steps, classes]; probability = (score + 128) / 256
    detected: tuple[Annotation, ...]  # complete events, in order of onset
    announced_s: tuple[float, ...]  # per event: seconds of the recording and its tail heard when it was announced


def choose_split(dataset: Dataset, split: str | None) -> tuple[str, list[Recording]]:
    """Return the name and the recordings of the split to judge: the one named, else test, else val.

    The name `all` stands for all recordings, whatever their split. Raises DatasetError if the dataset lacks the split.
    """
    if split == ALL:
        return ALL, dataset.recordings
    if split is None:
        split = "test" if "test" in dataset.splits else "val"
    if split not in dataset.splits:
        there = ", ".join(dataset.splits) or "none"
        raise DatasetError(
            f"{dataset.path} has no split {split} ({dataset.split_by}; splits: {there}); name one that it has, or {ALL}"
        )
    return split, dataset.splits[split]


def require_known_classes(detector: Detector, recordings: Sequence[Recording], dataset: Dataset) -> None:
    """Raise DatasetError for an annotation of a class that the detector does not have."""
    for recording in recordings:
        for event in recording.annotations:
            if event.label not in detector.classes:
                raise DatasetError(
                    f"{event.place}: the detector does not know class {event.label!r}, only "
                    f"{', '.join(detector.classes)}; rename or ignore it in {dataset.path / 'label_map.tsv'}"
                )


def judge_recordings(detector: Detector, recordings: Sequence[Recording]) -> list[JudgedRecording]:
    """Run the detector on every recording. Raises AudioError for one that cannot be read."""
    progress = Progress("detecting", len(recordings))
    judged = []
    for recording in recordings:
        judged.append(_judge_recording(detector, recording))
        progress.advance(recording.name)
    minutes = sum(each.duration_s for each in recordings) / 60
    progress.close(f"{len(recordings)} recordings, {minutes:.1f} min")
    return judged


def _judge_recording(detector: Detector, recording: Recording) -> JudgedRecording:
    heard = detector.hear_recording(recording.pcm(detector.sample_rate_hz))
    announced = _announced_s(detector, heard.scores)
    done = completed(heard.events)
    return JudgedRecording(
        recording,
        heard.scores,
        tuple(Annotation(each.onset, each.offset, each.label, each.confidence) for each in done),
        tuple(announced[each.label, each.onset_sample] for each in done),
    )


def _announced_s(detector: Detector, scores: NDArray[np.int8]) -> dict[tuple[str, int], float]:
    """Return the seconds heard when each event, named by label and onset sample, was announced.

    A step runs as soon as the last sample of its last frame has been heard.
    """
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
