"""Events compared by how much of them overlaps, without any collar: the intersection criteria of PSDS.

A detected event *counts* when a large enough share of it lies on annotated events of its class (detection tolerance).
An annotated event is *found* when the detected events that count cover a large enough share of it (ground-truth
tolerance). An event that is heard in pieces, or from a moment after its beginning, can be found all the same.
Definitions: C. Bilen, G. Ferroni, F. Tuveri, J. Azcarreta, S. Krstulovic, "A framework for the robust evaluation of
sound event detection", ICASSP 2020. Events of one class only; times are whole microseconds.
"""

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]  # [events, 2]: onset and offset in microseconds
HALF = 0.5  # both tolerances of the overlap-based figures


def intersect(
    reference: Times, detected: Times, detection: float = HALF, ground_truth: float = HALF
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return bool[reference], which annotated events are found, and bool[detected], which detected events count.

    detection, ground_truth: the tolerances, shares from 0 to 1. An annotated event without a duration, of which no
    share can be covered, is always found: leave out classes that have one.
    """
    counts = covered_us(union(reference), detected) >= _share_us(detection, detected)
    found = covered_us(union(detected[counts]), reference) >= _share_us(ground_truth, reference)
    return found, counts


def crossing(others: Times, detected: Times, least: float) -> NDArray[np.bool_]:
    """Return bool[detected]: whether at least this share of each event lies on events of another class."""
    if not len(others):
        return np.zeros(len(detected), np.bool_)
    return covered_us(union(others), detected) >= _share_us(least, detected)


def union(intervals: Times) -> Times:
    """Return the union of intervals as intervals that are sorted and do not touch."""
    if not len(intervals):
        return intervals
    ordered = intervals[np.argsort(intervals[:, 0], kind="stable")]
    latest_end = np.maximum.accumulate(ordered[:, 1])
    first = np.append(True, ordered[1:, 0] > latest_end[:-1])
    last = np.append(first[1:], True)
    return np.stack([ordered[first, 0], latest_end[last]], axis=1)


def covered_us(merged: Times, intervals: Times) -> NDArray[np.int64]:
    """Return int64[intervals]: how many microseconds of each interval lie in a union made by `union`."""
    if not len(merged):
        return np.zeros(len(intervals), np.int64)
    before = np.append(0, np.cumsum(merged[:, 1] - merged[:, 0]))

    def until(time: NDArray[np.int64]) -> NDArray[np.int64]:
        index = np.searchsorted(merged[:, 0], time, side="right")  # intervals that begin at or before it
        within = np.minimum(time, merged[index - 1, 1]) - merged[index - 1, 0]
        return np.where(index > 0, before[index - 1] + within, 0)

    return until(intervals[:, 1]) - until(intervals[:, 0])


def _share_us(fraction: float, intervals: Times) -> NDArray[np.float64]:
    return np.round(fraction * (intervals[:, 1] - intervals[:, 0]))  # whole microseconds, as times are
