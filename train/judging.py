"""Recordings through the deployed path (fixed-point features, int8 step, C events), and what came out of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.errors import DatasetError
from stapes.firmware_sim.events import Event, completed
from stapes.runtime.audio import read_audio
from stapes.runtime.console import Progress
from stapes.runtime.detector import Detector
from stapes.runtime.labels import Annotation
from stapes.train.dataset import Dataset, Recording


@dataclass(frozen=True)
class Judged:
    """One recording, and what the detector said about it."""

    recording: Recording
    scores: NDArray[np.int8]  # [steps, classes]; probability = (score + 128) / 256
    detected: tuple[Annotation, ...]  # complete events by onset
    announced_s: tuple[float, ...]  # for each of them: seconds of sound that had been heard when it was announced


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
    """Stream every recording through the detector, step by step. Raises AudioError for one that cannot be read."""
    progress = Progress("detecting", len(recordings))
    judged = []
    for recording in recordings:
        judged.append(_judge(detector, recording))
        progress.advance(recording.name)
    minutes = sum(each.duration_s for each in recordings) / 60
    progress.close(f"{len(recordings)} recordings, {minutes:.1f} min")
    return judged


def _judge(detector: Detector, recording: Recording) -> Judged:
    events: list[Event] = []
    announced: dict[tuple[str, int], float] = {}
    scores = [np.zeros((0, len(detector.classes)), np.int8)]
    detector.reset()
    for block in _steps(detector, read_audio(recording.path, detector.sample_rate_hz).pcm):
        heard = detector.hear(block)
        events += heard.events
        scores.append(heard.scores)
        for event in heard.events:
            announced.setdefault((event.label, event.onset_sample), detector.position_samples / detector.sample_rate_hz)
    last = detector.position_samples / detector.sample_rate_hz
    done = completed([*events, *detector.flush()])
    return Judged(
        recording,
        np.concatenate(scores),
        tuple(Annotation(each.onset, each.offset, each.label, each.confidence) for each in done),
        tuple(announced.get((each.label, each.onset_sample), last) for each in done),
    )


def _steps(detector: Detector, pcm: NDArray[np.int16]) -> Iterator[NDArray[np.int16]]:
    """Cut so that every block completes exactly one step: a step is heard as soon as its last frame is whole."""
    clock, frontend = detector.folder.clock, detector.folder.frontend
    end = clock.step_samples - frontend.hop_samples + frontend.window_samples
    yield pcm[:end]
    for start in range(end, len(pcm), clock.step_samples):
        yield pcm[start : start + clock.step_samples]
