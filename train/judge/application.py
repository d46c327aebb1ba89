"""Figures for those who use a detector: counts, rates, exactness of times, latency, and recall by condition."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stapes.runtime.labels import Annotation
from stapes.runtime.labels.annotation import parse_number
from stapes.train.judge.metrics import (
    ONSET,
    Collar,
    Estimate,
    EventLists,
    estimate,
    labelled_pairs,
    ratio,
    resample_weights,
)

SNR_BANDS_DB = {
    "below 0 dB": (-np.inf, 0.0),
    "0 to 6 dB": (0.0, 6.0),
    "6 to 12 dB": (6.0, 12.0),
    "12 dB and above": (12.0, np.inf),
}


@dataclass(frozen=True)
class Timing:
    """How exact the times of the events are that were found by onset."""

    n_hits: int
    onset_bias_ms: Estimate  # mean of detected minus annotated onset; positive: detected late
    onset_jitter_ms: Estimate  # standard deviation of detected minus annotated onset
    latency_ms: Estimate  # mean from annotated onset to announcement
    latency_p95_ms: float


@dataclass(frozen=True)
class Counting:
    """How well the number of events agrees, whether or not they match."""

    count_error: Estimate  # (detected - annotated) / annotated
    annotated_per_min: float
    detected_per_min: float
    rate_error_per_min: Estimate  # |detected - annotated| of each recording, summed, over all minutes


@dataclass(frozen=True)
class Recall:
    """How many of a group of annotated events were found."""

    n_reference: int
    recall: Estimate


def timing(
    reference: EventLists,
    detected: EventLists,
    announced_s: Mapping[str, Sequence[float]],
    label: str,
    onset: Collar = ONSET,
) -> Timing:
    """Return the timing of one class; `announced_s` gives for each detected event when it was announced."""
    names = list(reference)
    row, errors_ms, latencies_ms = [], [], []
    for index, name in enumerate(names):
        own = [each for each in reference[name] if each.label == label]
        for i, j in labelled_pairs(own, detected.get(name, ()), onset):
            row.append(index)
            errors_ms.append(1e3 * (detected[name][j].onset - own[i].onset))
            latencies_ms.append(1e3 * (announced_s[name][j] - own[i].onset))
    weights = resample_weights(len(names))[:, row]
    onsets, latencies = np.array(errors_ms), np.array(latencies_ms)
    (bias, jitter), (biases, jitters) = _moments(np.ones((1, len(row))), onsets), _moments(weights, onsets)
    delay, delays = _moments(np.ones((1, len(row))), latencies)[0], _moments(weights, latencies)[0]
    return Timing(
        n_hits=len(row),
        onset_bias_ms=estimate(float(bias[0]), biases),
        onset_jitter_ms=estimate(float(jitter[0]), jitters),
        latency_ms=estimate(float(delay[0]), delays),
        latency_p95_ms=float(np.quantile(latencies, 0.95)) if row else float("nan"),
    )


def _moments(weights: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
    """Return the mean and standard deviation [resamples] of values [n] under weights [resamples, n]."""
    total = weights.sum(axis=1)
    mean = ratio(weights @ values, total)
    return mean, np.sqrt(np.maximum(ratio(weights @ values**2, total) - mean**2, 0.0))


def counting(reference: EventLists, detected: EventLists, durations_s: Mapping[str, float], label: str) -> Counting:
    """Return the count error and the rates of one class over the recordings of `durations_s`."""
    minutes = np.array(list(durations_s.values())) / 60
    true, found = (
        np.array([sum(each.label == label for each in events.get(name, ())) for name in durations_s], np.float64)
        for events in (reference, detected)
    )
    weights = resample_weights(len(minutes))
    return Counting(
        count_error=estimate(
            float(ratio((found - true).sum(), true.sum())), ratio(weights @ (found - true), weights @ true)
        ),
        annotated_per_min=float(true.sum() / minutes.sum()),
        detected_per_min=float(found.sum() / minutes.sum()),
        rate_error_per_min=estimate(
            float(np.abs(found - true).sum() / minutes.sum()), (weights @ np.abs(found - true)) / (weights @ minutes)
        ),
    )


def recall_by(
    reference: EventLists, detected: EventLists, column: str, onset: Collar = ONSET
) -> dict[str, dict[str, Recall]]:
    """Return label -> group -> recall, grouped by the values of a column of the label files; {} without that column.

    Values of the column `snr_db` are grouped into SNR_BANDS_DB; those of any other column by their text.
    """
    names = list(reference)
    counts: dict[tuple[str, str], NDArray[np.float64]] = defaultdict(lambda: np.zeros((len(names), 2)))
    for row, name in enumerate(names):
        hits = {i for i, _ in labelled_pairs(reference[name], detected.get(name, ()), onset)}
        for index, each in enumerate(reference[name]):
            if group := _group(column, each):
                counts[each.label, group][row] += index in hits, 1
    weights = resample_weights(max(1, len(names)))
    table: dict[str, dict[str, Recall]] = defaultdict(dict)
    bands = list(SNR_BANDS_DB)
    for label, group in sorted(counts, key=lambda key: (key[0], bands.index(key[1]) if key[1] in bands else 0, key[1])):
        per_recording = counts[label, group]
        found, total = per_recording.sum(0)
        table[label][group] = Recall(int(total), estimate(found / total, ratio(*(weights @ per_recording).T)))
    return dict(table)


def _group(column: str, event: Annotation) -> str:
    text = event.columns.get(column, "")
    if column != "snr_db" or not text:
        return text
    snr_db = parse_number(text, column, event.place)
    return next(name for name, (low, high) in SNR_BANDS_DB.items() if low <= snr_db < high)
