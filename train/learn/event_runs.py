"""Cut events out of recordings: runs of events, and distractors, which are sounds that are no event.

A *run* is a series of successive events of one class in one recording with their natural spacing, such as barks or
ticks. Its background is removed by spectral subtraction.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_closing
from scipy.signal import butter, istft, sosfilt, stft

from stapes.train.data.corpus import NO_CLASS, Corpus, Events, event_free

Floats = NDArray[np.float32]
LEAD_S, TAIL_S = 0.01, 0.08  # cut out with an event, before its onset and after its offset
POINT_TAIL_S = 0.4  # the same after a point label, up to the next event: what belongs to its sound, as a key's release
RUN_GAP_S, RUN_MAX_S = 2.0, 6.0  # the largest gap between two events of a run, and its longest duration
APART_S = 0.04  # from the end of an event to the next one, at least, where a run is made denser
SPACING_JITTER = 0.35  # natural logarithm: how much the gaps of a run may differ from its new spacing, either way
DISTRACTOR_RISE_DB = 8.0  # above the median power of an event-free stretch
DISTRACTOR_FRAMES = (5, 300)  # of 10 ms: shortest and longest
DISTRACTOR_GAP_FRAMES = 5


@dataclass(frozen=True)
class EventRun:
    """Successive events of one source without their background; times are in samples from the start of the run."""

    pcm: Floats
    events: Events

    def respaced(self, spacing: float, rate_hz: int, rng: np.random.Generator) -> "EventRun":
        """Return the run with the time from each onset to the next multiplied by `spacing`, roughly; 1: as it is.

        What was cut out with an event moves with it, and is added to what follows. Events stay at least APART_S apart,
        or as close as they were.
        """
        if spacing == 1:  # no jitter either: whoever asks for the recorded rhythm gets it
            return self
        lead, onsets = int(LEAD_S * rate_hz), self.events[:, 0]
        gaps, lengths = np.diff(onsets), np.diff(self.events[:, :2])[:-1, 0]
        factors = spacing * np.exp(rng.uniform(-SPACING_JITTER, SPACING_JITTER, len(gaps)))
        changed = np.minimum(gaps, np.maximum(np.rint(gaps * factors), lengths + int(APART_S * rate_hz)))
        shifts = np.concatenate([[0], np.cumsum(changed - gaps)]).astype(np.int64)
        edges = np.concatenate([[0], onsets[1:] - lead, [len(self.pcm)]])
        pcm = np.zeros(int((edges[1:] + shifts).max()), np.float32)
        for first, last, shift in zip(edges[:-1], edges[1:], shifts, strict=True):
            pcm[first + shift : last + shift] += self.pcm[first:last]
        return EventRun(pcm, self.events + np.column_stack([shifts, shifts, np.zeros_like(shifts)]))


class RunCutter:
    """Cuts runs out of a corpus; events that are not `snr_min_db` louder than their background are left out."""

    def __init__(self, corpus: Corpus, snr_min_db: float) -> None:
        self._corpus, self._rate = corpus, corpus.sample_rate_hz
        self._power_ratio_min = 10 ** (snr_min_db / 10)
        self.high_pass = butter(2, 0.01 * self._rate, "highpass", fs=self._rate, output="sos").astype(np.float32)

    def runs(self, label: int) -> list[EventRun]:
        """Return every run of a class that has a clear event."""
        found = []
        for index, events in enumerate(self._corpus.events):
            own = events[events[:, 2] == label]
            if not len(own):
                continue
            gap = own[1:, 0] - own[:-1, 1] > RUN_GAP_S * self._rate
            for row in np.split(own, np.flatnonzero(gap) + 1):
                found += [self._clean(index, part) for part in _no_longer_than(row, int(RUN_MAX_S * self._rate))]
        return [each for each in found if len(each.events)]

    def distractors(self) -> list[EventRun]:
        """Return what is no event, of class NO_CLASS: labels that are no class, and sounds without any label.

        The latter stand out of event-free stretches by DISTRACTOR_RISE_DB.
        """
        found = []
        for index in range(len(self._corpus)):
            for event in (*self._corpus.no_events(index), *self._unlabelled(index)):
                found.append(self._clean(index, event[np.newaxis]))
        return [each for each in found if len(each.events)]

    def _unlabelled(self, index: int) -> Events:
        recording, frame, rows = self._corpus.recording(index), self._rate // 100, []
        labelled = _together(self._corpus.events[index], self._corpus.no_events(index))
        for start, stop in event_free(labelled, len(recording), self._rate // 10):
            if stop - start < self._rate:
                continue
            level = frame_power(sosfilt(self.high_pass, recording[start:stop].astype(np.float32)), self._rate)
            loud = level > np.median(level) * 10 ** (DISTRACTOR_RISE_DB / 10)
            for first, last in _runs_of(binary_closing(loud, np.ones(2 * DISTRACTOR_GAP_FRAMES + 1))):
                if DISTRACTOR_FRAMES[0] <= last - first <= DISTRACTOR_FRAMES[1]:
                    rows.append((start + first * frame, start + last * frame, NO_CLASS))
        return np.array(rows, np.int64).reshape(-1, 3)

    def _clean(self, index: int, events: Events) -> EventRun:
        """Cut out one run and subtract the spectrum of its background; unclear and overlapped events are left out."""
        rate, pcm = self._rate, self._corpus.recording(index)
        everything = self._corpus.events[index]
        if events[0, 2] == NO_CLASS:
            everything = _together(everything, events)
        first, last = max(0, int(events[0, 0]) - rate), min(len(pcm), int(events[-1, 1]) + rate)
        part = pcm[first:last].astype(np.float32)
        inside = everything.copy()
        inside[:, :2] -= first
        inside = inside[(inside[:, 1] > 0) & (inside[:, 0] < len(part))]
        free = np.zeros(len(part), bool)
        for start, stop in event_free(inside, len(part), rate // 20):
            free[start:stop] = True
        if free.sum() < rate // 10:
            return EventRun(part[:0], events[:0])
        passed = sosfilt(self.high_pass, part)
        floor = float(np.mean(passed[free] ** 2)) + 1e-3
        lead, tail = int(LEAD_S * rate), int(TAIL_S * rate)
        keep, window = [], np.zeros(len(part), np.float32)
        for onset, offset, label in events - [first, first, 0]:
            others = inside[(inside[:, 0] < offset + tail) & (inside[:, 1] > onset - lead)]
            clear = np.mean(passed[max(onset, 0) : offset] ** 2) / floor >= self._power_ratio_min
            if len(others) == 1 and clear:
                keep.append((onset, offset, label))
                whole_until, end = offset, offset + tail
                if label in self._corpus.point_classes:
                    following = inside[inside[:, 0] > onset, 0]
                    end = min(offset + int(POINT_TAIL_S * rate), *(following[:1] - lead), len(part))
                    whole_until = end - lead
                _open(window, onset, whole_until, lead, end - whole_until)
        if not keep:
            return EventRun(part[:0], events[:0])
        start, stop = max(0, keep[0][0] - lead), end
        kept = np.array(keep, np.int64) - [start, start, 0]
        return EventRun((_without_background(part, free) * window)[start:stop], kept)


def _together(one: Events, other: Events) -> Events:
    both = np.concatenate([one, other])
    return both[np.argsort(both[:, 0], kind="stable")]


def frame_power(pcm: NDArray[np.float64], rate_hz: int) -> Floats:
    """Return the mean power of each 10 ms; digital silence has 0.001."""
    frame = rate_hz // 100
    return (pcm[: len(pcm) // frame * frame].reshape(-1, frame) ** 2).mean(axis=1).astype(np.float32) + 1e-3


def _runs_of(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the first place of each run of true flags, and the place after its last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def _no_longer_than(row: Events, samples: int) -> list[Events]:
    parts, first = [], 0
    for index in range(1, len(row) + 1):
        if index == len(row) or row[index, 1] - row[first, 0] > samples:
            parts.append(row[first:index])
            first = index
    return parts


def _open(window: Floats, onset: int, offset: int, lead: int, tail: int) -> None:
    """Set the window to 1 for one event, with linear fades before and after it."""
    positions = np.arange(max(0, onset - lead), min(len(window), offset + tail))
    shape = np.minimum((positions - onset + lead + 1) / lead, (offset + tail - positions) / tail)
    window[positions] = np.maximum(window[positions], np.clip(shape, 0.0, 1.0))


def _without_background(part: Floats, free: NDArray[np.bool_]) -> Floats:
    """Subtract the background's spectrum: the gain of a bin is 1 - 1.5 background / power, at least -18 dB."""
    size, hop = 512, 128
    _, _, spectrum = stft(part, nperseg=size, noverlap=size - hop)
    power = np.abs(spectrum) ** 2
    at = np.minimum(np.arange(spectrum.shape[1]) * hop, len(free) - 1)
    quiet = free[at] if free[at].any() else np.ones(len(at), bool)
    background = power[:, quiet].mean(axis=1, keepdims=True)
    gain = np.maximum(1.0 - 1.5 * background / np.maximum(power, 1e-12), 0.125)
    _, cleaned = istft(spectrum * gain, nperseg=size, noverlap=size - hop)
    return cleaned[: len(part)].astype(np.float32)
