"""Segment-based scores: time is divided into segments, and the classes active in each are compared.

A class is active in every segment that one of its events overlaps; a point label makes it active in the segment that
contains the point. These are the definitions of sed_eval, which is the referee in the tests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stapes.runtime.labels import Annotation
from stapes.train.judge.metrics import (
    DETECTED,
    REFERENCE,
    TP,
    Estimate,
    EventLists,
    estimate,
    f1,
    macro_f1,
    ratio,
    resample_weights,
)


@dataclass(frozen=True)
class SegmentScores:
    """Scores over segments of `segment_s` seconds, with intervals over recordings."""

    segment_s: float
    f1: dict[str, Estimate]  # per class
    macro_f1: Estimate
    error_rate: Estimate  # (substitutions + deletions + insertions) / annotated activities, of all classes


def segment_scores(
    reference: EventLists,
    detected: EventLists,
    durations_s: Mapping[str, float],
    classes: Sequence[str],
    segment_s: float = 1.0,
) -> SegmentScores:
    """Return F1 per class and macro, and the error rate, over the recordings of `durations_s`."""
    counts = np.zeros((len(durations_s), len(classes), 3), np.int64)
    errors = np.zeros((len(durations_s), 2), np.int64)  # errors, annotated activities
    for row, name in enumerate(durations_s):
        true, found = (_activity(events.get(name, ()), classes, segment_s) for events in (reference, detected))
        width = max(true.shape[1], found.shape[1])
        true, found = (np.pad(each, ((0, 0), (0, width - each.shape[1]))) for each in (true, found))
        counts[row, :, TP] = (true & found).sum(axis=1)
        counts[row, :, REFERENCE], counts[row, :, DETECTED] = true.sum(axis=1), found.sum(axis=1)
        # Substitutions, deletions and insertions of a segment: max(annotated, detected) minus those that agree.
        errors[row] = (np.maximum(true.sum(axis=0), found.sum(axis=0)) - (true & found).sum(axis=0)).sum(), true.sum()
    weights = resample_weights(len(counts))
    total, resampled = counts.sum(0), np.tensordot(weights, counts, 1)
    per_class, spread = f1(total), f1(resampled)
    return SegmentScores(
        segment_s,
        {label: estimate(float(per_class[column]), spread[:, column]) for column, label in enumerate(classes)},
        estimate(float(macro_f1(total)), macro_f1(resampled)),
        estimate(float(ratio(*errors.sum(0))), ratio(*(weights @ errors).T)),
    )


def _activity(events: Sequence[Annotation], classes: Sequence[str], segment_s: float) -> np.ndarray:
    """Return bool[classes, segments] up to the last active segment."""
    spans = [_segments(each, segment_s) for each in events]
    active = np.zeros((len(classes), max((last for _, last in spans), default=0)), np.bool_)
    for each, (first, last) in zip(events, spans, strict=True):
        active[list(classes).index(each.label), first:last] = True
    return active


def _segments(event: Annotation, segment_s: float) -> tuple[int, int]:
    """Return the first segment that an event overlaps and the one after its last, computed in whole microseconds."""
    length, onset, offset = (round(1e6 * each) for each in (segment_s, event.onset, event.offset))
    return onset // length, max(onset // length + 1, -(-offset // length))
