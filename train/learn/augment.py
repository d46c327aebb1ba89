"""Make a new training sequence each time: labelled events are cut out and mixed over other backgrounds.

A *run* is a series of successive events of one class in one recording with their natural spacing, such as barks or
ticks. The background of a run is removed; then the run is changed in speed, filtered, and added to a sequence at a
random signal-to-noise ratio.
"""

from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.ndimage import binary_closing
from scipy.signal import butter, istft, sosfilt, sosfreqz, stft

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.frontend import Frontend
from stapes.train.data.corpus import Corpus, Events, event_free
from stapes.train.learn.rooms import filtered, reverberated, smooth_curve
from stapes.train.learn.targets import step_targets
from stapes.train.settings import AugmentationSettings

Floats = NDArray[np.float32]
LEAD_S, TAIL_S = 0.01, 0.08  # cut out with an event, before its onset and after its offset
SECOND_BACKGROUND_DB = (-12.0, 6.0)  # level of a second background, relative to the first
DISTRACTOR_RISE_DB = 8.0  # above the median power of an event-free stretch
DISTRACTOR_FRAMES = (5, 300)  # of 10 ms: shortest and longest
DISTRACTOR_GAP_FRAMES = 5
NO_CLASS = -1
RUN_GAP_S, RUN_MAX_S = 2.0, 6.0  # the largest gap between two events of a run, and its longest duration


@dataclass(frozen=True)
class EventRun:
    """Successive events of one source without their background; times are in samples from the start of the run."""

    pcm: Floats
    events: Events


@dataclass(frozen=True)
class TrainingSequence:
    """The samples of one training sequence and its events."""

    pcm: NDArray[np.int16]
    events: Events


class Remixer:
    """Makes training sequences of `samples` samples from a corpus; the random generator alone decides which."""

    def __init__(self, corpus: Corpus, classes: int, samples: int, settings: AugmentationSettings) -> None:
        self._corpus, self._samples, self._settings = corpus, samples, settings
        rate = corpus.sample_rate_hz
        self._rate = rate
        self._high_pass = butter(2, 0.01 * rate, "highpass", fs=rate, output="sos").astype(np.float32)
        places, gain = sosfreqz(self._high_pass, 1024)
        self._pass_places, self._pass_gain = places / np.pi, np.abs(gain)
        margin = rate // 10
        self._stretches = [
            (int(corpus.starts[index]) + start, int(corpus.starts[index]) + stop)
            for index, events in enumerate(corpus.events)
            for start, stop in event_free(events, len(corpus.recording(index)), margin)
            if stop - start >= rate // 2
        ]
        lengths = np.array([stop - start for start, stop in self._stretches], np.float64)
        self._stretch_share = lengths / lengths.sum() if len(lengths) else lengths
        self._recording_share = np.diff(corpus.starts) / corpus.starts[-1]
        self.runs = [[run for run in self._cut(label) if len(run.events)] for label in range(classes)]
        self.distractors = self._cut_distractors() if settings.added_distractors_per_minute else []

    def sequence(self, rng: np.random.Generator) -> TrainingSequence:
        """Return one sequence of the length that was given to the constructor."""
        settings, minutes = self._settings, self._samples / self._rate / 60
        empty = len(self._stretches) > 0 and rng.random() < settings.empty_share
        stitched = empty or (len(self._stretches) > 0 and rng.random() < settings.stitched_background_share)
        base, events = self._background(rng) if stitched else self._excerpt(rng)
        if stitched and rng.random() < settings.second_background_share:
            base += np.float32(10 ** (rng.uniform(*SECOND_BACKGROUND_DB) / 20)) * self._background(rng)[0]
        noise = _frame_power(sosfilt(self._high_pass, base), self._rate)
        for _ in range(rng.poisson(settings.added_distractors_per_minute * minutes) if self.distractors else 0):
            distractor = self.distractors[rng.integers(len(self.distractors))]
            self._place(distractor, base, noise, events[:0], rng)
        available = [] if empty else [label for label, of_class in enumerate(self.runs) if of_class]
        for _ in range(rng.poisson(settings.added_runs_per_minute * minutes) if available else 0):
            of_class = self.runs[available[rng.integers(len(available))]]
            placed = self._place(of_class[rng.integers(len(of_class))], base, noise, events, rng)
            events = np.concatenate([events, placed])
        if rng.random() < settings.reverberation_share:
            base = self._reverberated(base, rng)
        peak = np.abs(base).max()
        base *= min(1.0, 29_500.0 / max(float(peak), 1.0))
        return TrainingSequence(np.rint(base).astype(np.int16), events[np.argsort(events[:, 0], kind="stable")])

    def _excerpt(self, rng: np.random.Generator) -> tuple[Floats, Events]:
        """Return unchanged excerpts of recordings from random places, joined until the sequence is full."""
        base, found, filled = np.empty(self._samples, np.float32), [np.empty((0, 3), np.int64)], 0
        while filled < self._samples:
            index = rng.choice(len(self._corpus), p=self._recording_share)
            pcm, events = self._corpus.recording(index), self._corpus.events[index]
            length = min(self._samples - filled, len(pcm))
            start = int(rng.integers(len(pcm) - length + 1))
            base[filled : filled + length] = pcm[start : start + length]
            inside = events[(events[:, 1] > start) & (events[:, 0] < start + length)]
            clipped = np.clip(inside[:, :2], start, start + length) - start + filled
            found.append(np.column_stack([clipped, inside[:, 2]]))
            filled += length
        return base, np.concatenate(found)

    def _background(self, rng: np.random.Generator) -> tuple[Floats, Events]:
        """Return event-free stretches, joined with short crossfades until the sequence is full."""
        fade = self._rate // 50
        rise = np.linspace(0.0, 1.0, fade, dtype=np.float32)
        base, filled = np.zeros(self._samples + fade, np.float32), 0
        while filled < self._samples:
            start, stop = self._stretches[rng.choice(len(self._stretches), p=self._stretch_share)]
            piece = self._corpus.pcm[start : min(stop, start + self._samples + fade - filled)].astype(np.float32)
            if self._settings.background_filter_db:
                piece = filtered(piece, smooth_curve(rng, self._settings.background_filter_db, 9))
            if filled:
                piece[:fade] *= rise
            piece[-fade:] *= rise[::-1]
            base[filled : filled + len(piece)] += piece
            filled += len(piece) - fade
        return base[: self._samples], np.empty((0, 3), np.int64)

    def _reverberated(self, pcm: Floats, rng: np.random.Generator) -> Floats:
        """Return the samples as from a random room."""
        rt60_s = float(np.exp(rng.uniform(*np.log(self._settings.reverberation_rt60_s))))
        return reverberated(pcm, self._rate, rt60_s, rng.uniform(*self._settings.direct_to_reverberant_db), rng)

    def _place(self, run: EventRun, base: Floats, noise: Floats, events: Events, rng: np.random.Generator) -> Events:
        """Add a changed copy of the run to `base`; return its events there.

        Returns no events, and adds nothing, when it would overlap an event of its own class.
        """
        settings = self._settings
        speed = np.exp(rng.uniform(*np.log(settings.run_speed)))
        pcm = soxr.resample(run.pcm, self._rate * speed, self._rate, quality="LQ")
        curve = smooth_curve(rng, settings.run_filter_db, 9)
        snr_db = rng.uniform(*settings.run_snr_db)
        start = int(rng.integers(-len(pcm) // 2, self._samples - len(pcm) // 4))
        placed = np.column_stack([np.rint(run.events[:, :2] / speed).astype(np.int64) + start, run.events[:, 2]])
        placed = placed[(placed[:, 1] > 0) & (placed[:, 0] < self._samples)]
        same = events[events[:, 2] == run.events[0, 2]]
        margin = self._rate // 10
        if not len(placed) or np.any((same[:, 0] < placed[-1, 1] + margin) & (same[:, 1] > placed[0, 0] - margin)):
            return placed[:0]
        if rng.random() < settings.reverberation_share:
            pcm = self._reverberated(pcm, rng)
        pcm, energy = self._filtered(pcm, curve)
        level = energy / (run.events[:, 1] - run.events[:, 0]).sum() * speed
        frames = len(noise) * np.clip([placed[0, 0], placed[-1, 1]], 0, self._samples) // self._samples
        around = noise[max(0, frames[0] - 100) : frames[1] + 100]
        gain = np.sqrt(10 ** (snr_db / 10) * np.median(around) / max(level, 1e-9))
        first, last = max(start, 0), min(start + len(pcm), self._samples)
        base[first:last] += np.float32(gain) * pcm[first - start : last - start]
        placed[:, :2] = np.clip(placed[:, :2], 0, self._samples)
        return placed

    def _filtered(self, pcm: Floats, curve_db: Floats) -> tuple[Floats, float]:
        """Return the samples filtered by a curve of gains, and their energy after the high-pass filter."""
        size = next_fast_len(len(pcm), real=True)
        places = np.linspace(0.0, 1.0, size // 2 + 1)
        gain = 10 ** (np.interp(places, np.linspace(0.0, 1.0, len(curve_db)), curve_db) / 20)
        spectrum = rfft(pcm, size) * gain.astype(np.float32)
        audible = np.abs(spectrum * np.interp(places, self._pass_places, self._pass_gain).astype(np.float32)) ** 2
        return irfft(spectrum, size)[: len(pcm)], 2.0 * float(audible.sum()) / size

    def _cut(self, label: int) -> list[EventRun]:
        """Return every run of the class without its background; runs without a clear event are empty."""
        runs = []
        for index, events in enumerate(self._corpus.events):
            own = events[events[:, 2] == label]
            if not len(own):
                continue
            gap = own[1:, 0] - own[:-1, 1] > RUN_GAP_S * self._rate
            for row in np.split(own, np.flatnonzero(gap) + 1):
                runs += [self._clean(index, part) for part in _no_longer_than(row, int(RUN_MAX_S * self._rate))]
        return runs

    def _cut_distractors(self) -> list[EventRun]:
        """Return the sounds that stand out of event-free stretches, each with the time that it takes and no class."""
        found, frame = [], self._rate // 100
        for index, events in enumerate(self._corpus.events):
            recording = self._corpus.recording(index)
            for start, stop in event_free(events, len(recording), self._rate // 10):
                if stop - start < self._rate:
                    continue
                level = _frame_power(sosfilt(self._high_pass, recording[start:stop].astype(np.float32)), self._rate)
                loud = level > np.median(level) * 10 ** (DISTRACTOR_RISE_DB / 10)
                for first, last in _runs_of(binary_closing(loud, np.ones(2 * DISTRACTOR_GAP_FRAMES + 1))):
                    if DISTRACTOR_FRAMES[0] <= last - first <= DISTRACTOR_FRAMES[1]:
                        own = np.array([[start + first * frame, start + last * frame, NO_CLASS]], np.int64)
                        found.append(self._clean(index, own))
        return [each for each in found if len(each.events)]

    def _clean(self, index: int, events: Events) -> EventRun:
        """Cut out one run and subtract the spectrum of its background; unclear and overlapped events are left out."""
        rate, pcm = self._rate, self._corpus.recording(index)
        everything = self._corpus.events[index]
        if events[0, 2] == NO_CLASS:
            everything = np.concatenate([everything, events])
            everything = everything[np.argsort(everything[:, 0], kind="stable")]
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
        passed = sosfilt(self._high_pass, part)
        floor = float(np.mean(passed[free] ** 2)) + 1e-3
        lead, tail = int(LEAD_S * rate), int(TAIL_S * rate)
        keep, window = [], np.zeros(len(part), np.float32)
        for onset, offset, label in events - [first, first, 0]:
            others = inside[(inside[:, 0] < offset + tail) & (inside[:, 1] > onset - lead)]
            clear = np.mean(passed[max(onset, 0) : offset] ** 2) / floor >= 10 ** (
                self._settings.source_snr_min_db / 10
            )
            if len(others) == 1 and clear:
                keep.append((onset, offset, label))
                _open(window, onset, offset, lead, tail)
        if not keep:
            return EventRun(part[:0], events[:0])
        start, stop = max(0, keep[0][0] - lead), keep[-1][1] + tail
        kept = np.array(keep, np.int64) - [start, start, 0]
        return EventRun((_without_background(part, free) * window)[start:stop], kept)


def augment_features(
    features: NDArray[np.int8], step_db: float, settings: AugmentationSettings, rng: np.random.Generator
) -> NDArray[np.int8]:
    """Return features int8[frames, bands] as from another microphone at another level, with bands and frames masked.

    `step_db` is the level difference of one int8 step.
    """
    frames, bands = features.shape
    curve = smooth_curve(rng, settings.microphone_filter_db, 7)
    offset_db = np.interp(np.linspace(0, 6, bands), np.arange(7), curve) + rng.uniform(*settings.gain_db)
    offset_db = offset_db + _band_gains_db(bands, settings.band_gain_db, rng)
    changed = np.clip(features + np.rint(offset_db / step_db), -128, 127)
    mean = changed.mean(axis=0)
    width = int(rng.integers(settings.masked_bands_max + 1))
    first = int(rng.integers(bands - width + 1))
    changed[:, first : first + width] = np.rint(mean[first : first + width])
    for _ in range(4):
        width = int(rng.integers(settings.masked_frames_max + 1))
        first = int(rng.integers(max(1, frames - width + 1)))
        changed[first : first + width] = np.rint(mean)
    return changed.astype(np.int8)


def _band_gains_db(bands: int, most_db: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return float64[bands]: gains that change linearly between 2 to 5 bands (FilterAugment, Nam et al. 2022)."""
    places = np.sort(rng.uniform(0, bands - 1, int(rng.integers(2, 6))))
    return np.interp(np.arange(bands), places, rng.uniform(-most_db, most_db, len(places)))


@dataclass(frozen=True, kw_only=True)
class BatchMaker:
    """Makes numbered batches; seed and number alone decide the content, so a resumed run gets the same batches."""

    remixer: Remixer
    frontend: Frontend
    clock: StepClock
    settings: AugmentationSettings
    seed: int
    n_classes: int
    n_sequences: int  # of a batch
    n_steps: int  # of a sequence

    def batch(self, number: int) -> tuple[NDArray[np.int8], Floats]:
        """Return features int8[sequences, frames, bands] and targets float32[sequences, steps, classes]."""
        rng = np.random.default_rng([self.seed, number])
        features, targets = [], []
        for _ in range(self.n_sequences):
            sequence = self.remixer.sequence(rng)
            clean = self.frontend.features(sequence.pcm)
            features.append(augment_features(clean, self.frontend.config.int8_step_db, self.settings, rng))
            targets.append(step_targets(self.clock, self.n_steps, sequence.events, self.n_classes))
        return np.stack(features), np.stack(targets)


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


def _frame_power(pcm: NDArray[np.float64], rate: int) -> Floats:
    frame = rate // 100
    return (pcm[: len(pcm) // frame * frame].reshape(-1, frame) ** 2).mean(axis=1).astype(np.float32) + 1e-3
