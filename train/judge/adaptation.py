"""Thresholds for the place and the microphone where a detector will listen, from recordings without labels.

Everything that is detected there counts as a false alarm, so the recordings should be of ordinary hours, in which
events are rare. Each class gets the highest sensitivity at which its detections keep a limit per hour, within bounds:
what some hours without labels say is not reason enough to move a threshold far.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stapes.firmware_sim.device.events import SILENT, EventConfig, EventDecoder
from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.errors import DatasetError
from stapes.runtime.console import Progress
from stapes.runtime.detector import Detector
from stapes.runtime.sound_conditions import BackgroundLevels, Levels
from stapes.train.data.dataset import Recording
from stapes.train.judge.alarm_budget import AlarmRate, hours_needed
from stapes.train.judge.overlap import content_ids
from stapes.train.judge.scored import Scores, decode

SENSITIVITIES = tuple(range(4, -9, -1))  # in steps of a quarter of a logit, the most sensitive first
LEAST_HOURS = 1 / 60


@dataclass(frozen=True)
class Place:
    """What a detector makes of unlabelled recordings."""

    scores: tuple[Scores, ...]  # of each recording
    background: Levels
    hours: float


@dataclass(frozen=True)
class ClassAdaptation:
    """The sensitivity of one class in a place, and its detections there before and now."""

    label: str
    config: EventConfig
    sensitivity: int  # in steps, against the thresholds that the detector had
    before: AlarmRate
    now: AlarmRate
    kept: bool  # whether the limit is kept, by the estimate at least


def hear_place(folder: DetectorFolder, recordings: Sequence[Recording]) -> Place:
    """Run the detector over recordings of any length.

    Raises AudioError for one that cannot be read, and DatasetError when they are digital silence or shorter than a
    minute altogether.
    """
    detector, background = Detector.load(folder.path), BackgroundLevels(folder.frontend)
    scores, samples, loudest = [], 0, 0
    progress = Progress("listening", len(recordings))
    for recording in recordings:
        detector.reset()
        outputs = []
        for block in recording.audio(detector.sample_rate_hz).blocks():
            samples, loudest = samples + len(block), max(loudest, int(np.abs(block.astype(np.int32)).max(initial=0)))
            output = detector.hear(block)
            background.add(output.features)
            outputs.append(output.scores)
        scores.append(np.concatenate([*outputs, detector.hear_end().scores]))
        progress.advance()
    progress.close()
    hours, where = samples / detector.sample_rate_hz / 3600, recordings[0].path.parent
    if not loudest:
        raise DatasetError(f"{where}: all samples are zero; check the microphone and how the files were made")
    if hours < LEAST_HOURS:
        raise DatasetError(f"{where}: {hours * 3600:.0f} seconds of sound; record at least a minute, better an hour")
    return Place(tuple(scores), background.levels, hours)


def adapted(folder: DetectorFolder, place: Place, per_hour: float) -> list[ClassAdaptation]:
    """Return for each class the highest sensitivity with at most `per_hour` detections per hour in this place.

    The limit is kept with 90 % confidence where the hours suffice to show it, else by the estimate. A class that cannot
    keep it gets the lowest sensitivity; a silent class stays silent. Raises DatasetError when the recordings are too
    short for one detection to be allowed in them.
    """
    if place.hours * per_hour < 1:
        raise DatasetError(
            f"{place.hours:.2f} hours cannot tell whether there are {per_hour:g} alarms per hour: record at least "
            f"{1 / per_hour:.1f} hours, or {hours_needed(per_hour):.1f} hours to show it at 90 %"
        )
    decoder = EventDecoder(folder.classes, folder.events, folder.clock)
    configs, rates = [], []
    for steps in SENSITIVITIES:
        for label in folder.classes:
            decoder.set_sensitivity(label, steps)
        both = zip(folder.events, decoder.thresholds, strict=True)
        configs.append([replace(one, on_score=on, off_score=off) for one, (on, off) in both])
        rates.append(_rates(decoder, place))
    shown = place.hours >= hours_needed(per_hour)
    found = []
    for index, label in enumerate(folder.classes):
        of_class = [each[index] for each in rates]
        keeps = [(rate.at_most if shown else rate.per_hour) <= per_hour for rate in of_class]
        # At a low threshold events may merge into few long ones, so every higher threshold has to keep the limit, too.
        chosen = next((n for n in range(len(keeps)) if all(keeps[n:])), len(keeps) - 1)
        before = SENSITIVITIES.index(0)
        if folder.events[index] == SILENT:
            chosen = before
        found.append(
            ClassAdaptation(
                label, configs[chosen][index], SENSITIVITIES[chosen], of_class[before], of_class[chosen], keeps[chosen]
            )
        )
    return found


def _rates(decoder: EventDecoder, place: Place) -> list[AlarmRate]:
    events = [event for scores in place.scores for event in decode(decoder, scores)]
    return [AlarmRate(sum(event.label == label for event in events), place.hours) for label in decoder.classes]


def with_adaptation(
    folder: DetectorFolder, found: Sequence[ClassAdaptation], recordings: Sequence[Recording], per_hour: float
) -> DetectorFolder:
    """Return the detector with these thresholds; what is said about the former ones goes."""
    former = folder.operating_point
    point: dict[str, Any] = {
        "rule": {each.label: f"at most {per_hour:g} detections per hour in unlabelled recordings" for each in found},
        "chosen_on": "unlabelled recordings of the place where it listens",
        "alarms": {each.label: each.now.as_dict() for each in found},
        "sensitivity": {each.label: each.sensitivity for each in found},
        "expected": None,
        "expected_alarms": {},
        "expected_by": "",
        "recordings": sorted({*former.get("recordings", ()), *content_ids(recordings)}),
    }
    return replace(folder, events=tuple(each.config for each in found), operating_point=point)
