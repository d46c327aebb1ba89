"""Thresholds for the place and the microphone where a detector will listen, from recordings without labels.

Everything that is detected there counts as a false alarm, so the recordings should be of ordinary hours, in which
events are rare. A class becomes more sensitive only as far as the hours show, with 90 % confidence, that its detections
keep a limit per hour. It becomes less sensitive only as far as their estimate exceeds the limit. `tune` prefers
settings that are shown to keep a limit; here this would make a class that keeps it by the estimate less sensitive just
because there are enough hours to show it of a stricter setting.

Thresholds move within bounds, because what some hours without labels say is not reason enough to move one far. The
bounds are counted from the thresholds before the first adaptation, which detector.json keeps, so that they hold over
any number of runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.events import SILENT, EventConfig, EventDecoder
from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.errors import DatasetError
from stapes.runtime.console import Progress
from stapes.runtime.detector import Detector
from stapes.runtime.sound_conditions import BackgroundLevels, Levels
from stapes.train.data.constant import constant_stretches
from stapes.train.data.dataset import Recording
from stapes.train.judge.alarm_budget import AlarmRate, hours_needed, needed_text, short_text
from stapes.train.judge.choice import Verdict
from stapes.train.judge.overlap import content_ids
from stapes.train.judge.scored import Scores, decode

SENSITIVITIES = tuple(range(4, -9, -1))  # in steps of a quarter of a logit, the most sensitive first
ADAPTATION = ("before_adapt", "sensitivity")  # fields of the operating point, by class
LEAST_HOURS = 1 / 60
SILENCE_S = 1.0  # shorter stretches of constant samples are heard as they are


@dataclass(frozen=True)
class Place:
    """What a detector makes of unlabelled recordings."""

    recordings: tuple[Recording, ...]  # that were heard
    scores: tuple[Scores, ...]  # of each recording, and of each of its parts where silence lies between them
    background: Levels
    hours: float  # without silence
    silent_hours: float  # of stretches of constant samples, as of a muted microphone: nothing could be detected there


@dataclass(frozen=True)
class ClassAdaptation:
    """The sensitivity of one class in a place, and its detections there before and now."""

    label: str
    config: EventConfig
    unadapted: EventConfig  # before the first adaptation
    sensitivity: int  # in steps, against the unadapted thresholds
    before: AlarmRate
    now: AlarmRate
    verdict: Verdict  # whether the limit is kept; NO_BUDGET for a silent class


def hear_place(folder: DetectorFolder, recordings: Sequence[Recording]) -> Place:
    """Run the detector over recordings of any length. Raises AudioError for one that cannot be read.

    It hears the silence of a muted microphone, too, but this counts neither for the levels nor for scores and hours.
    """
    detector, background = Detector.load(folder.path), BackgroundLevels(folder.frontend)
    rate_hz, hop = detector.sample_rate_hz, folder.frontend.hop_samples
    scores: list[Scores] = []
    samples = silent_samples = 0
    progress = Progress("listening", len(recordings))
    for recording in recordings:
        silence = constant_stretches(recording.audio(rate_hz).blocks(), round(SILENCE_S * rate_hz))
        detector.reset()
        outputs, n_frames = [], 0
        for block in recording.audio(rate_hz).blocks():
            output = detector.hear(block)
            starts = hop * np.arange(n_frames, n_frames + len(output.features))
            background.add(output.features[~_within(starts, silence)])
            n_frames += len(output.features)
            outputs.append(output.scores)
        samples += detector.position_samples
        silent_samples += int(np.diff(silence).sum())
        scores += _between(silence, np.concatenate([*outputs, detector.hear_end().scores]), folder.clock)
        progress.advance()
    progress.close()
    hours, silent_hours = ((each / rate_hz / 3600) for each in (samples - silent_samples, silent_samples))
    return Place(tuple(recordings), tuple(scores), background.levels, hours, silent_hours)


def _within(samples: NDArray[np.int64], stretches: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return for each sample whether it lies in one of the stretches, int64[stretches, 2] in order of time."""
    return np.searchsorted(stretches.ravel(), samples, side="right") % 2 == 1


def _between(silence: NDArray[np.int64], scores: Scores, clock: StepClock) -> list[Scores]:
    """Return the scores of a recording without those of its silence, in parts, so that no event reaches across it."""
    silent = _within(clock.edges_samples(len(scores))[:-1], silence)
    edges = np.flatnonzero(np.diff(silent)) + 1
    parts = zip(np.split(scores, edges), np.split(silent, edges), strict=True)
    return [part for part, is_silent in parts if not is_silent.any()]


def require_hours(where: Path, hours: float, per_hour: float | None) -> None:
    """Raise DatasetError for hours too few to compare the place, or to allow one detection in them at a limit.

    where: the folder of the recordings; per_hour: the limit of detections of a class, None for none.
    """
    if hours < LEAST_HOURS:
        raise DatasetError(f"{where}: {hours * 3600:.0f} seconds of sound; record at least a minute, better an hour")
    if per_hour and hours * per_hour < 1:
        raise DatasetError(
            f"{short_text(hours, 1 / per_hour)} cannot tell whether there are {per_hour:g} alarms per hour: "
            f"record at least {needed_text(1 / per_hour)}, or {needed_text(hours_needed(per_hour))} to show it at 90 %"
        )


def adapted(folder: DetectorFolder, place: Place, per_hour: float) -> list[ClassAdaptation]:
    """Return for each class the highest sensitivity with at most `per_hour` detections per hour in this place.

    The limit is kept by the estimate where a class is as sensitive as it is now or less, and with 90 % confidence where
    it becomes more sensitive. A class that cannot keep it gets the lowest sensitivity; a silent class stays silent.
    """
    unadapted, moved = _before_adapt(folder)
    decoder = EventDecoder(folder.classes, unadapted, folder.clock)
    configs, rates = [], []
    for steps in SENSITIVITIES:
        for label in folder.classes:
            decoder.set_sensitivity(label, steps)
        configs.append(_with_thresholds_of(decoder, unadapted))
        rates.append(_rates(decoder, place))
    found = []
    for index, label in enumerate(folder.classes):
        of_class = [each[index] for each in rates]
        before = SENSITIVITIES.index(moved[index])
        silent = folder.events[index] == SILENT
        chosen, verdict = (before, Verdict.NO_BUDGET) if silent else _choose(of_class, before, per_hour)
        found.append(
            ClassAdaptation(
                label=label,
                config=configs[chosen][index],
                unadapted=unadapted[index],
                sensitivity=SENSITIVITIES[chosen],
                before=of_class[before],
                now=of_class[chosen],
                verdict=verdict,
            )
        )
    return found


def _choose(rates: Sequence[AlarmRate], before: int, per_hour: float) -> tuple[int, Verdict]:
    """Return the place of a setting of one class among all, and whether it keeps the limit.

    rates: with each setting, the most sensitive one first; before: the place of the setting of now.
    """
    shown = _first_within([rate.at_most for rate in rates], per_hour)
    estimated = max(before, _first_within([rate.per_hour for rate in rates], per_hour))
    chosen = min(shown, estimated)
    if chosen == len(rates):
        return len(rates) - 1, Verdict.UNMET
    return chosen, Verdict.SHOWN if shown <= chosen else Verdict.ESTIMATED


def _first_within(values: Sequence[float], limit: float) -> int:
    """Return the first place from which on all values are within the limit; their number if the last one is not.

    At a low threshold events may merge into few long ones, so every higher threshold has to keep the limit, too.
    """
    return max((place + 1 for place, value in enumerate(values) if value > limit), default=0)


def _before_adapt(folder: DetectorFolder) -> tuple[list[EventConfig], list[int]]:
    """Return the settings of each class before the first adaptation, and by how many steps it was moved since.

    Where the thresholds of now are not those that were kept, moved by the steps that were kept, somebody has chosen
    them since then: they count as the first ones.
    """
    kept, steps = (folder.operating_point.get(field, {}) for field in ADAPTATION)
    unadapted, moved = list(folder.events), [0] * len(folder.classes)
    for index, (label, now) in enumerate(zip(folder.classes, folder.events, strict=True)):
        if label not in kept or steps.get(label) not in SENSITIVITIES:
            continue
        former = replace(now, **kept[label])
        decoder = EventDecoder([label], [former], folder.clock)
        decoder.set_sensitivity(label, steps[label])
        if _with_thresholds_of(decoder, [former]) == [now]:
            unadapted[index], moved[index] = former, steps[label]
    return unadapted, moved


def _with_thresholds_of(decoder: EventDecoder, configs: Sequence[EventConfig]) -> list[EventConfig]:
    """Return the settings with the thresholds that hold in the decoder now."""
    both = zip(configs, decoder.thresholds, strict=True)
    return [replace(one, on_score=on, off_score=off) for one, (on, off) in both]


def _rates(decoder: EventDecoder, place: Place) -> list[AlarmRate]:
    events = [event for scores in place.scores for event in decode(decoder, scores)]
    return [AlarmRate(sum(event.label == label for event in events), place.hours) for label in decoder.classes]


def adaptation_kept(folder: DetectorFolder, labels: Sequence[str]) -> dict[str, Any]:
    """Return what detector.json says of the adaptation of classes whose thresholds another choice leaves alone."""
    said = {field: folder.operating_point.get(field, {}) for field in ADAPTATION}
    kept = {field: {label: value[label] for label in labels if label in value} for field, value in said.items()}
    return {field: value for field, value in kept.items() if value}


def with_adaptation(
    folder: DetectorFolder, found: Sequence[ClassAdaptation], place: Place, per_hour: float
) -> DetectorFolder:
    """Return the detector with these thresholds; what is said about the former ones goes."""
    former = folder.operating_point
    point: dict[str, Any] = {field: former[field] for field in ("settings",) if field in former}
    point |= {
        "rule": {each.label: _rule(each, per_hour) for each in found},
        "chosen_on": "unlabelled recordings of the place where it listens",
        "alarms": {each.label: each.now.as_dict() for each in found},
        "before_adapt": {
            each.label: {"on_score": each.unadapted.on_score, "off_score": each.unadapted.off_score} for each in found
        },
        "sensitivity": {each.label: each.sensitivity for each in found},
        "expected": None,
        "expected_alarms": {},
        "expected_by": "",
        "recordings": sorted({*former.get("recordings", ()), *content_ids(place.recordings)}),
    }
    return replace(folder, events=tuple(each.config for each in found), operating_point=point)


def _rule(found: ClassAdaptation, per_hour: float) -> str:
    """Return what is so of the thresholds of a class."""
    limit = f"{per_hour:g} detections per hour in unlabelled recordings"
    return {
        Verdict.SHOWN: f"at most {limit}, shown at 90 %",
        Verdict.ESTIMATED: f"at most {limit} by the estimate, not shown at 90 %",
        Verdict.UNMET: f"{limit} are not kept",
        Verdict.NO_BUDGET: "silent",
    }[found.verdict]
