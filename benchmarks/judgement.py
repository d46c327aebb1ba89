"""What a detector finds in the rooms of its fold, counted by source and by recording, so that folds can be pooled."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.folds import Fold
from stapes.firmware_sim.device.events import EventConfig
from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.errors import DatasetError
from stapes.train.data.dataset import Recording
from stapes.train.judge.alarm_curve import AlarmCurve, ClassEvents, alarm_curve
from stapes.train.judge.event_free import EventFreeTime
from stapes.train.judge.frame_precision import score_counts
from stapes.train.judge.metrics import ONSET_OFFSET, EventLists
from stapes.train.judge.operating_point import choose_settings
from stapes.train.judge.overlap import content_ids
from stapes.train.judge.scored import ScoredRecordings, features_of, score_recordings
from stapes.train.settings import OperatingPointSettings

BUDGET_PER_HOUR = 10.0  # false alarms of each class


@dataclass(frozen=True)
class PointCounts:
    """What one setting of a class finds."""

    hits: NDArray[np.int64]  # [sources], by onset
    false: NDArray[np.int64]  # [judged recordings], detected events that are no hits
    hits_both: NDArray[np.int64]  # [sources], by onset and offset
    false_both: NDArray[np.int64]  # [judged recordings]
    alarms: NDArray[np.int64]  # [held-out recordings, 2]: away from distractors, and during them


@dataclass(frozen=True)
class ClassJudgement:
    """One class of a detector on its fold."""

    curve: AlarmCurve
    on_score: int  # of the operating point
    chosen: PointCounts  # at the operating point
    budget: PointCounts | None  # with settings chosen for a budget of false alarms; None: not computed
    steps: NDArray[np.int64]  # [judged recordings, 256, 2], of `score_counts`


@dataclass(frozen=True)
class FoldJudgement:
    """A detector on the rooms that it never heard."""

    fold: str
    classes: dict[str, ClassJudgement]
    judged: tuple[str, ...]  # names of the recordings
    held_out: tuple[str, ...]
    model_bytes: int = 0
    int8_minus_float: float = float("nan")  # macro F1 by onset on val, as training measured it


def judge(folder: DetectorFolder, fold: Fold, distractors: EventLists, *, with_budget: bool) -> FoldJudgement:
    """Judge a detector on its fold. Choosing settings for a budget takes about half a minute.

    Raises DatasetError for a detector that was made with a recording of the fold, or for other classes.
    """
    require_unseen(folder, fold)
    held_out = scores_of(folder, fold.held_out)
    budget = _budget_settings(folder, fold) if with_budget else None
    return replace(
        judge_scores(held_out, [each.name for each in fold.judged], distractors, folder.events, budget),
        fold=fold.name,
        model_bytes=len(folder.model),
        int8_minus_float=folder.scores["parity"]["events"]["int8_minus_float"],
    )


def judge_scores(
    held_out: ScoredRecordings,
    judged_names: Sequence[str],
    distractors: EventLists,
    chosen: Sequence[EventConfig],
    budget: Sequence[EventConfig] | None,
) -> FoldJudgement:
    """Judge scores of held-out recordings: recall in those of the given names, alarms in all of them.

    chosen, budget: the setting of each class at the operating point, and with a budget of false alarms.
    """
    judged, free = _among(held_out, judged_names), EventFreeTime(held_out, distractors)
    within: Sequence[EventConfig | None] = budget or [None] * len(chosen)
    steps = score_counts(judged)
    return FoldJudgement(
        fold="",
        classes={
            label: ClassJudgement(
                curve=alarm_curve(judged, held_out, free, label, config),
                on_score=config.on_score,
                chosen=_counts(judged, held_out, free, label, config),
                budget=_counts(judged, held_out, free, label, other) if other else None,
                steps=steps[column],
            )
            for column, (label, config, other) in enumerate(zip(held_out.classes, chosen, within, strict=True))
        },
        judged=judged.names,
        held_out=held_out.names,
    )


def scores_of(folder: DetectorFolder, recordings: Sequence[Recording]) -> ScoredRecordings:
    """Return the int8 scores of recordings by the detector."""
    return score_recordings(folder, recordings, features_of(folder, recordings))


def require_unseen(folder: DetectorFolder, fold: Fold) -> None:
    """Raise DatasetError for a detector that was trained on a judged recording, or whose thresholds were."""
    known = {*folder.provenance.get("trained_on", ()), *folder.operating_point.get("recordings", ())}
    if seen := known & set(content_ids(fold.held_out)):
        raise DatasetError(
            f"{folder.path}: was made with {len(seen)} of the {len(fold.held_out)} recordings that {fold.name} holds "
            "out; give the fold that it was trained without"
        )
    if strange := {event.label for each in fold.held_out for event in each.annotations} - set(folder.classes):
        raise DatasetError(
            f"{folder.path}: has no class {min(strange)!r}, which is judged; its classes are "
            f"{', '.join(folder.classes)}"
        )


def _budget_settings(folder: DetectorFolder, fold: Fold) -> Sequence[EventConfig]:
    settings = OperatingPointSettings(false_alarms_per_hour=BUDGET_PER_HOUR)
    return choose_settings(scores_of(folder, fold.made_with["val"]), settings, "thresholds for a budget")


def _among(scored: ScoredRecordings, names: Sequence[str]) -> ScoredRecordings:
    wanted = [scored.names.index(name) for name in names]
    return replace(
        scored,
        names=tuple(names),
        scores=tuple(scored.scores[index] for index in wanted),
        reference={name: scored.reference[name] for name in names},
        groups=tuple(scored.group(index) for index in wanted),
    )


def _counts(
    judged: ScoredRecordings, held_out: ScoredRecordings, free: EventFreeTime, label: str, config: EventConfig
) -> PointCounts:
    events = ClassEvents(judged, label)
    (found,) = ClassEvents(held_out, label).timeline.detect([config])
    return PointCounts(*events.matches(config), *events.matches(config, ONSET_OFFSET), free.count(found))
