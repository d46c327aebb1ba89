"""How well a detector finds the events of one split of a dataset: all figures of `stapes evaluate`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stapes.firmware_sim.device.event_sweep import smoothed
from stapes.runtime.audio.convert import Channel
from stapes.runtime.detector import Detector
from stapes.train.data.dataset import Recording, open_dataset
from stapes.train.data.findings import log_notes
from stapes.train.data.options import inherited_options
from stapes.train.judge.application import Counting, Recall, Timing, counting, recall_by, timing
from stapes.train.judge.float_reference import FloatComparison, compare_with_float
from stapes.train.judge.judged import JudgedRecording, choose_split, judge_recordings, require_known_classes
from stapes.train.judge.metrics import ONSET, ONSET_OFFSET, Estimate, EventScores, error_rate, event_scores, plain
from stapes.train.judge.overlap import overlap_warning
from stapes.train.judge.psds import SCENARIO_1, SCENARIO_2, TimedScores, psds_estimate
from stapes.train.judge.segments import SegmentScores, segment_scores

GROUPED_BY = ("snr_db", "source")  # columns of the label files by whose values recall is shown


@dataclass(frozen=True)
class Figures:
    """All figures of one detector on some recordings."""

    events: EventScores
    error_rate_onset: Estimate
    error_rate_onset_offset: Estimate
    segments: SegmentScores
    psds_1: Estimate  # DCASE's scenario 1: exact times matter
    psds_2: Estimate  # DCASE's scenario 2: telling classes apart matters
    timing: dict[str, Timing]  # per class, as are the following
    counting: dict[str, Counting]
    recall_by: dict[str, dict[str, dict[str, Recall]]]  # column -> class -> group


@dataclass(frozen=True)
class Evaluation:
    """The figures of a detector on one split of a dataset."""

    detector: str
    dataset: str
    split: str
    warning: str  # why the figures are too good or say little; empty without a reason
    fingerprint: str  # of the data
    figures: Figures
    beside_float: FloatComparison | None = None  # if asked for

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; figures that are not defined are None."""
        return plain(asdict(self))


def evaluate(
    detector_path: Path,
    dataset_path: Path,
    split: str | None = None,
    with_float: bool = False,
    group_pattern: str | None = None,
    channel: Channel | None = None,
) -> tuple[Evaluation, list[JudgedRecording]]:
    """Judge a detector on one split of a dataset; without a name on test if the dataset has it, else on val.

    with_float: also judge the float network of the detector; needs TensorFlow and the detector's folder `training`.
    group_pattern: how recordings are grouped; None: as in training.
    channel: that is heard; None: as in training.
    Returns the figures and the recordings that they were measured on. Raises DetectorFolderError, DatasetError (unknown
    class or split), LabelError and AudioError.
    """
    detector = Detector.load(detector_path)
    dataset = open_dataset(dataset_path, inherited_options(group_pattern, channel, detector.folder))
    log_notes(dataset.notes)
    split = choose_split(dataset, split)
    recordings = dataset.splits[split]
    require_known_classes(detector, recordings, dataset)
    judged = judge_recordings(detector, recordings)
    evaluation = Evaluation(
        detector=str(detector_path),
        dataset=str(dataset_path),
        split=split,
        warning="; ".join(
            filter(None, [overlap_warning(detector.folder, recordings), _no_annotation_warning(recordings)])
        ),
        fingerprint=dataset.fingerprint(),
        figures=figures_of(detector, judged),
        beside_float=compare_with_float(detector.folder, judged) if with_float else None,
    )
    return evaluation, judged


def _no_annotation_warning(recordings: Sequence[Recording]) -> str:
    """Return a warning if no event is annotated, so that only false alarms can be judged; else nothing."""
    if any(each.annotations for each in recordings):
        return ""
    return "no event is annotated in these recordings: all that is detected is a false alarm, and F1 is not defined"


def figures_of(detector: Detector, judged: Sequence[JudgedRecording]) -> Figures:
    """Return all figures of a detector on these recordings."""
    reference = {each.recording.name: each.recording.annotations for each in judged}
    detected = {each.recording.name: each.detected for each in judged}
    announced = {each.recording.name: each.announced_s for each in judged}
    durations = {each.recording.name: each.recording.duration_s for each in judged}
    classes, names = detector.classes, list(durations)
    scored = [timed_scores(detector, each) for each in judged]
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


def timed_scores(detector: Detector, judged: JudgedRecording) -> TimedScores:
    """Return the scores that PSDS compares with thresholds, smoothed as the detector does, and the times of each."""
    columns = [smoothed(column, config) for column, config in zip(judged.scores.T, detector.folder.events, strict=True)]
    edges_s = detector.folder.clock.edges_s(len(judged.scores))
    return TimedScores(np.stack(columns, axis=1), edges_s, judged.recording.annotations, judged.recording.duration_s)
