"""What a detector would have found with other thresholds: its scores, decoded anew by the device's event decoder."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.events import SILENT, EventConfig
from stapes.runtime.detector import Detector
from stapes.train.judge.judged import JudgedRecording
from stapes.train.judge.metrics import (
    DETECTED,
    ONSET,
    REFERENCE,
    TP,
    Collar,
    event_free_s,
    match_times,
    microseconds,
    ratio,
    touching,
)
from stapes.train.judge.timeline import Timeline

ON_SCORES = (*range(-120, 121, 8), 124, 127)  # probabilities from .03 to .996
ALARMS = 3  # after TP, REFERENCE and DETECTED in the last axis of counts


@dataclass(frozen=True)
class ThresholdCurve:
    """Figures of one class at each threshold. Hits are by onset; figures that divide by 0 are nan."""

    on_scores: NDArray[np.int64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    false_alarms_per_hour: NDArray[np.float64]  # as false_alarms.py counts them


def threshold_curve(
    detector: Detector,
    judged: Sequence[JudgedRecording],
    label: str,
    onset: Collar = ONSET,
    background: Sequence[JudgedRecording] = (),
) -> ThresholdCurve:
    """Return the figures of one class over many on thresholds; in the background only false alarms are counted.

    The off threshold keeps its ratio to the on threshold; the other settings of the class stay as they are. A silent
    class has the default settings, which by_hand.py gives it with a threshold.
    """
    own = detector.folder.events[detector.classes.index(label)]
    if own == SILENT:
        own = EventConfig()
    levels = sorted({*ON_SCORES, own.on_score})
    configs = [at_threshold(own, level) for level in levels]
    counts = _counts(detector, judged, label, configs, onset)
    if background:
        counts[:, ALARMS] += _counts(detector, background, label, configs, onset)[:, ALARMS]
    hours = _event_free_hours([*judged, *background], label)
    return ThresholdCurve(
        on_scores=np.array(levels),
        precision=ratio(counts[:, TP], counts[:, DETECTED]),
        recall=ratio(counts[:, TP], counts[:, REFERENCE]),
        false_alarms_per_hour=ratio(counts[:, ALARMS], np.full(len(levels), hours)),
    )


def at_threshold(config: EventConfig, on_score: int) -> EventConfig:
    """Return the setting with another on threshold; the ratio of the off probability to the on probability is kept."""
    share = (config.off_score + 128) / (config.on_score + 128)
    return replace(config, on_score=on_score, off_score=min(on_score, max(-127, round((on_score + 128) * share) - 128)))


def _counts(
    detector: Detector, judged: Sequence[JudgedRecording], label: str, configs: Sequence[EventConfig], onset: Collar
) -> NDArray[np.int64]:
    """Return int64[configs, 4]: true positives, annotated and detected events, and false alarms."""
    column = detector.classes.index(label)
    timeline = Timeline([each.scores[:, column] for each in judged], detector.folder.clock)
    own = [
        (event, index)
        for index, each in enumerate(judged)
        for event in each.recording.annotations
        if event.label == label
    ]
    reference = timeline.place([event for event, _ in own], np.array([index for _, index in own], np.int64))
    counts = []
    for found in timeline.detect(configs):
        hits, alarms = len(match_times(reference, found, onset)[0]), (~touching(reference, found)).sum()
        counts.append((hits, len(reference), len(found), alarms))
    return np.array(counts)


def _event_free_hours(judged: Sequence[JudgedRecording], label: str) -> float:
    """Return the time in which a detected event would touch no annotated one of the class."""
    free_s = 0.0
    for each in judged:
        own = microseconds([event for event in each.recording.annotations if event.label == label])
        free_s += event_free_s(own, 0, round(each.recording.duration_s * 1e6))
    return free_s / 3600
