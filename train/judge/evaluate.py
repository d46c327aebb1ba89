"""How well a detector finds the events of recordings: every figure of one part of a dataset."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stapes.firmware_sim.device.event_sweep import smoothed
from stapes.runtime.detector import Detector
from stapes.train.data.dataset import Recording, open_dataset
from stapes.train.data.findings import log_notes
from stapes.train.data.split import inherited_pattern
from stapes.train.judge.application import Counting, Recall, Timing, counting, recall_by, timing
from stapes.train.judge.float_reference import BesideFloat, beside_float
from stapes.train.judge.heard_before import heard_before
from stapes.train.judge.judging import Judged, choose_split, judge, require_known_classes
from stapes.train.judge.metrics import ONSET, ONSET_OFFSET, Estimate, EventScores, error_rate, event_scores, plain
from stapes.train.judge.psds import SCENARIO_1, SCENARIO_2, ScoredRecording, psds_estimate
from stapes.train.judge.segments import SegmentScores, segment_scores

GROUPED_BY = ("snr_db", "source")  # further columns of the labels by which recall is shown


@dataclass(frozen=True)
class Figures:
    """Everything that is measured on some recordings, by the events and the scores of one detector."""

    events: EventScores
    error_rate_onset: Estimate
    error_rate_onset_offset: Estimate
    segments: SegmentScores
    psds_1: Estimate  # scenario 1: the times matter
    psds_2: Estimate  # scenario 2: telling classes apart matters
    timing: dict[str, Timing]  # per class, as are the following
    counting: dict[str, Counting]
    recall_by: dict[str, dict[str, dict[str, Recall]]]  # column -> class -> group


@dataclass(frozen=True)
class Evaluation:
    """The figures of a detector on one part of a dataset."""

    detector: str
    dataset: str
    split: str
    warning: str  # why the figures flatter or do not say much; empty where nothing is known against them
    fingerprint: str  # of the data
    figures: Figures
    beside_float: BesideFloat | None = None  # where it was asked for

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; figures that are not defined are None."""
        return plain(asdict(self))


def evaluate(
    detector_path: Path,
    dataset_path: Path,
    split: str | None = None,
    with_float: bool = False,
    group_pattern: str | None = None,
) -> tuple[Evaluation, list[Judged]]:
    """Judge a detector on test, else val, else the part that is named; the detector is not changed.

    `with_float` judges the float network that it was made from, too (needs TensorFlow and the folder's `training`).
    Without a `group_pattern` recordings are grouped as they were in training.
    Raises DetectorFolderError, DatasetError (unknown class or part), LabelError, AudioError.
    """
    detector = Detector.load(detector_path)
    dataset = open_dataset(dataset_path, inherited_pattern(group_pattern, detector.folder))
    log_notes(dataset.notes)
    part = choose_split(dataset, split)
    recordings = dataset.splits[part]
    require_known_classes(detector, recordings, dataset)
    judged = judge(detector, recordings)
    evaluation = Evaluation(
        detector=str(detector_path),
        dataset=str(dataset_path),
        split=part,
        warning="; ".join(filter(None, [heard_before(detector.folder, recordings), _nothing_there(recordings)])),
        fingerprint=dataset.fingerprint(),
        figures=measure(detector, judged),
        beside_float=beside_float(detector.folder, judged) if with_float else None,
    )
    return evaluation, judged


def _nothing_there(recordings: Sequence[Recording]) -> str:
    """Say that only false alarms can be judged where that is so."""
    if any(each.annotations for each in recordings):
        return ""
    return "no event is annotated in these recordings: all that is detected is a false alarm, and F1 is not defined"


def measure(detector: Detector, judged: Sequence[Judged]) -> Figures:
    """Return every figure of these recordings."""
    reference = {each.recording.name: each.recording.annotations for each in judged}
    detected = {each.recording.name: each.detected for each in judged}
    announced = {each.recording.name: each.announced_s for each in judged}
    durations = {each.recording.name: each.recording.duration_s for each in judged}
    classes, names = detector.classes, list(durations)
    scored = [scored_recording(detector, each) for each in judged]
    return Figures(
        events=event_scores(reference, detected, durations, classes),
        error_rate_onset=error_rate(reference, detected, names, ONSET),
        error_rate_onset_offset=error_rate(reference, detected, names, ONSET_OFFSET),
        segments=segment_scores(reference, detected, durations, classes),
        psds_1=psds_estimate(scored, classes, SCENARIO_1),
        psds_2=psds_estimate(scored, classes, SCENARIO_2),
        timing={label: timing(reference, detected, announced, label) for label in classes},
        counting={label: counting(reference, detected, durations, label) for label in classes},
        recall_by={column: groups for column in GROUPED_BY if (groups := recall_by(reference, detected, column))},
    )


def scored_recording(detector: Detector, judged: Judged) -> ScoredRecording:
    """Return the scores over which thresholds are swept: smoothed as the detector does, at the times they stand for."""
    columns = [smoothed(column, config) for column, config in zip(judged.scores.T, detector.folder.events, strict=True)]
    edges_s = detector.folder.clock.edges_s(len(judged.scores))
    return ScoredRecording(
        np.stack(columns, axis=1), edges_s, judged.recording.annotations, judged.recording.duration_s
    )
