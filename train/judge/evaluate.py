"""How well a detector finds the events of one split of a dataset: all figures of `stapes evaluate`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from os.path import commonpath
from pathlib import Path
from typing import Any

import numpy as np

from stapes.firmware_sim.device.event_sweep import smoothed
from stapes.firmware_sim.errors import ConfigError, DatasetError
from stapes.runtime.audio.convert import Channel
from stapes.runtime.detector import Detector
from stapes.train.data.background import open_background, require_not_labelled, without_copies
from stapes.train.data.dataset import Dataset, Recording, open_dataset
from stapes.train.data.findings import log_notes
from stapes.train.data.training_split import inherited_options
from stapes.train.judge.alarm_budget import AlarmRate
from stapes.train.judge.application import Counting, Recall, Timing, counting, recall_by, timing
from stapes.train.judge.comparison import Comparison, compare
from stapes.train.judge.differences import Heard
from stapes.train.judge.false_alarms import false_alarms
from stapes.train.judge.float_reference import FloatComparison, compare_with_float
from stapes.train.judge.judged import JudgedRecording, choose_split, judge_recordings, require_known_classes
from stapes.train.judge.metrics import (
    ONSET,
    Collar,
    Estimate,
    EventScores,
    error_rate,
    event_scores,
    onset_collar,
    plain,
)
from stapes.train.judge.overlap import overlap_warning
from stapes.train.judge.psds import SCENARIO_1, SCENARIO_2, TimedScores, psds_estimate
from stapes.train.judge.segments import SegmentScores, segment_scores

GROUPED_BY = ("snr_db", "source")  # columns of the label files by whose values recall is shown
BACKGROUND = "background"  # the name of the split where recordings without events are judged alone


@dataclass(frozen=True)
class Figures:
    """All figures of one detector on some recordings."""

    events: EventScores
    alarms: dict[str, AlarmRate]  # per class: detected events that touch no annotated event, background included
    alarms_per_hour: Estimate  # of all classes together
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
    collar: Collar  # within which onsets match
    background_hours: float  # in recordings that are free of events and count for false alarms alone
    beside_float: FloatComparison | None = None  # if asked for
    comparison: Comparison | None = None  # with the detector before, if one is named

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; figures that are not defined are None."""
        as_json = plain(asdict(self))
        as_json["figures"]["alarms"] = {label: rate.as_dict() for label, rate in self.figures.alarms.items()}
        return as_json


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """How a detector is judged."""

    with_float: bool = False  # also judge its float network; needs TensorFlow and the detector's folder `training`
    group_pattern: str | None = None  # how recordings are grouped; None: as in training
    channel: Channel | None = None  # that is heard; None: as in training
    background: Sequence[Path] = ()  # folders of recordings that are free of events
    before: Path | None = None  # another detector, judged on the same recordings
    collar_percent: float = 0.0  # share of an event's duration by which its onset may be off, where over 200 ms

    def __post_init__(self) -> None:
        if not 0 <= self.collar_percent <= 100:
            raise ConfigError(f"a collar of {self.collar_percent:g} percent: need a number from 0 to 100")

    @property
    def collar(self) -> Collar:
        """Within which onsets match."""
        return onset_collar(self.collar_percent)


def evaluate(
    detector_path: Path,
    dataset_path: Path | None,
    split: str | None = None,
    judgement: Judgement = Judgement(),
) -> tuple[Evaluation, Heard]:
    """Judge a detector on one split of a dataset; without a name on test if the dataset has it, else on val.

    split: `all` for the recordings of all splits. dataset_path: None to judge the background alone, which otherwise
    counts for false alarms and nothing else, as in `stapes tune`.
    Returns the figures and what was heard to measure them. Raises DetectorFolderError, DatasetError (unknown
    class or split, nothing to judge), LabelError and AudioError.
    """
    detector = Detector.load(detector_path)
    options = inherited_options(judgement.group_pattern, judgement.channel, detector.folder)
    quiet = open_background(judgement.background, options.channel)
    if dataset_path is None:
        dataset, quiet = _without_events(without_copies(quiet)), []
        split, recordings = BACKGROUND, dataset.recordings
    else:
        dataset = open_dataset(dataset_path, options)
        log_notes(dataset.notes)
        require_not_labelled(quiet, dataset)
        split, recordings = choose_split(dataset, split)
        require_known_classes(detector, recordings, dataset)
        quiet = without_copies(quiet, recordings)
    judged, heard_quiet = judge_recordings(detector, recordings), judge_recordings(detector, quiet) if quiet else []
    heard, collar = Heard(judged, heard_quiet), judgement.collar
    evaluation = Evaluation(
        detector=str(detector_path),
        dataset=str(dataset.path),
        split=split,
        warning="; ".join(
            filter(None, [overlap_warning(detector.folder, [*recordings, *quiet]), _no_annotation_warning(recordings)])
        ),
        fingerprint=dataset.fingerprint(),
        figures=figures_of(detector, judged, heard_quiet, collar),
        collar=collar,
        background_hours=sum(each.duration_s for each in quiet) / 3600,
        beside_float=compare_with_float(detector.folder, judged, collar) if judgement.with_float else None,
        comparison=compare(judgement.before, detector, heard, collar, judgement.channel) if judgement.before else None,
    )
    return evaluation, heard


def _without_events(recordings: Sequence[Recording]) -> Dataset:
    """Return a dataset of recordings that are free of events. Raises DatasetError if there are none."""
    if not recordings:
        raise DatasetError(
            "nothing to judge; name a folder of labelled recordings, or one without events after --background"
        )
    folder = Path(commonpath([each.path.parent for each in recordings]))
    return Dataset(folder, {BACKGROUND: list(recordings)}, (), "free of events")


def _no_annotation_warning(recordings: Sequence[Recording]) -> str:
    """Return a warning if no event is annotated, so that only false alarms can be judged; else nothing."""
    if any(each.annotations for each in recordings):
        return ""
    return "no event is annotated in these recordings: all that is detected is a false alarm, and F1 is not defined"


def figures_of(
    detector: Detector,
    judged: Sequence[JudgedRecording],
    background: Sequence[JudgedRecording] = (),
    onset: Collar = ONSET,
) -> Figures:
    """Return all figures of a detector on these recordings; in the background only false alarms are counted."""
    reference = {each.recording.name: each.recording.annotations for each in judged}
    detected = {each.recording.name: each.detected for each in judged}
    announced = {each.recording.name: each.announced_s for each in judged}
    durations = {each.recording.name: each.recording.duration_s for each in judged}
    classes, names = detector.classes, list(durations)
    scored = [timed_scores(detector, each) for each in judged]
    alarms = false_alarms(
        reference,
        detected | {each.recording.name: each.detected for each in background},
        durations | {each.recording.name: each.recording.duration_s for each in background},
        classes,
    )
    grouped = {column: recall_by(reference, detected, column, onset) for column in GROUPED_BY}
    return Figures(
        events=event_scores(reference, detected, durations, classes, onset),
        alarms=alarms.classes,
        alarms_per_hour=alarms.per_hour,
        error_rate_onset=error_rate(reference, detected, names, onset),
        error_rate_onset_offset=error_rate(reference, detected, names, onset.with_offset()),
        segments=segment_scores(reference, detected, durations, classes),
        psds_1=psds_estimate(scored, classes, SCENARIO_1),
        psds_2=psds_estimate(scored, classes, SCENARIO_2),
        timing={label: timing(reference, detected, announced, label, onset) for label in classes},
        counting={label: counting(reference, detected, durations, label) for label in classes},
        recall_by={column: groups for column, groups in grouped.items() if groups},
    )


def timed_scores(detector: Detector, judged: JudgedRecording) -> TimedScores:
    """Return the scores that PSDS compares with thresholds, smoothed as the detector does, and the times of each."""
    columns = [smoothed(column, config) for column, config in zip(judged.scores.T, detector.folder.events, strict=True)]
    edges_s = detector.folder.clock.edges_s(len(judged.scores))
    return TimedScores(np.stack(columns, axis=1), edges_s, judged.recording.annotations, judged.recording.duration_s)
