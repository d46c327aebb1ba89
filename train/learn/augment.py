"""Make a new training sequence each time: labelled events are cut out and mixed over other backgrounds.

A run of events (event_runs.py) is changed in speed, filtered, and added to a sequence at a random signal-to-noise
ratio; so are sounds that are no event.
"""

from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.fft import irfft
from scipy.signal import sosfilt, sosfreqz

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.frontend import Frontend
from stapes.train.data.corpus import Corpus, Events, event_free
from stapes.train.learn.event_runs import EventRun, Floats, RunCutter, frame_power
from stapes.train.learn.excerpts import Excerpts
from stapes.train.learn.hard_pieces import HardPieces
from stapes.train.learn.rooms import filtered, filtered_spectrum, reverberated, smooth_curve
from stapes.train.learn.targets import step_targets
from stapes.train.learn.teacher import Lessons
from stapes.train.settings import AugmentationSettings

SECOND_BACKGROUND_DB = (-12.0, 6.0)  # level of a second background, relative to the first
SECOND_EXCERPT_DB = (-6.0, 6.0)  # level of a second excerpt with its events, relative to the first


@dataclass(frozen=True)
class TrainingSequence:
    """The samples of one training sequence and its events."""

    pcm: NDArray[np.int16]
    events: Events


class Remixer:
    """Makes training sequences of `samples` samples from a corpus.

    The random generator alone decides which, and what was found to be hard (`hard_pieces`).
    """

    def __init__(self, corpus: Corpus, classes: int, samples: int, settings: AugmentationSettings) -> None:
        self._corpus, self._samples, self._settings = corpus, samples, settings
        rate = corpus.sample_rate_hz
        self._rate = rate
        cutter = RunCutter(corpus, settings.source_snr_min_db)
        self._high_pass = cutter.high_pass
        places, gain = sosfreqz(self._high_pass, 1024)
        self._pass_places, self._pass_gain = places / np.pi, np.abs(gain)
        stretches = [
            (int(corpus.starts[index]) + start, int(corpus.starts[index]) + stop, index)
            for index, events in enumerate(corpus.events)
            for start, stop in event_free(events, len(corpus.recording(index)), rate // 10)
            if stop - start >= rate // 2
        ]
        self._stretches = np.array(stretches, np.int64).reshape(-1, 3)
        if stretches:
            self._stretch_share = corpus.shares(self._stretches[:, 2], np.diff(self._stretches[:, :2])[:, 0])
        self.hard_pieces = HardPieces(corpus, self._stretches if settings.hard_negatives else self._stretches[:0])
        self._excerpts = Excerpts(corpus, samples)
        self.runs = [cutter.runs(label) for label in range(classes)]
        self.distractors = cutter.distractors() if settings.added_distractors_per_minute else []

    def sequence(self, rng: np.random.Generator) -> TrainingSequence:
        """Return one sequence of the length that was given to the constructor."""
        settings, minutes = self._settings, self._samples / self._rate / 60
        hard = self.hard_pieces.are_known and rng.random() < settings.hard_negatives
        empty = hard or (len(self._stretches) > 0 and rng.random() < settings.empty_share)
        stitched = empty or (len(self._stretches) > 0 and rng.random() < settings.stitched_background_share)
        base, events = self._background(rng, hard) if stitched else self._excerpts.draw(rng)
        if not stitched and settings.second_excerpt_share and rng.random() < settings.second_excerpt_share:
            other, theirs = self._excerpts.draw(rng)
            base += np.float32(10 ** (rng.uniform(*SECOND_EXCERPT_DB) / 20)) * other
            events = np.concatenate([events, theirs])
        if stitched and rng.random() < settings.second_background_share:
            base += np.float32(10 ** (rng.uniform(*SECOND_BACKGROUND_DB) / 20)) * self._background(rng)[0]
        noise = frame_power(sosfilt(self._high_pass, base), self._rate)
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

    def _background(self, rng: np.random.Generator, hard: bool = False) -> tuple[Floats, Events]:
        """Return event-free stretches, or hard pieces, joined with short crossfades until the sequence is full."""
        fade = self._rate // 50
        rise = np.linspace(0.0, 1.0, fade, dtype=np.float32)
        base, filled = np.zeros(self._samples + fade, np.float32), 0
        while filled < self._samples:
            start, stop = self.hard_pieces.draw(rng) if hard else self._stretch(rng)
            piece = self._piece(start, stop, self._samples + fade - filled, rng)
            if self._settings.background_filter_db:
                piece = filtered(piece, smooth_curve(rng, self._settings.background_filter_db, 9))
            if filled:
                piece[:fade] *= rise
            piece[-fade:] *= rise[::-1]
            base[filled : filled + len(piece)] += piece
            filled += len(piece) - fade
        return base[: self._samples], np.empty((0, 3), np.int64)

    def _stretch(self, rng: np.random.Generator) -> tuple[int, int]:
        """Return a random event-free stretch, from its beginning, or from any place if it outlasts a sequence."""
        start, stop, _ = self._stretches[rng.choice(len(self._stretches), p=self._stretch_share)]
        spare = int(stop - start) - self._samples
        return int(start) + (int(rng.integers(spare + 1)) if spare > 0 else 0), int(stop)

    def _piece(self, start: int, stop: int, samples: int, rng: np.random.Generator) -> Floats:
        """Return at most `samples` samples of an event-free stretch, changed in speed."""
        slowest, fastest = self._settings.background_speed
        if slowest == fastest == 1:
            return self._corpus.pcm[start : min(stop, start + samples)].astype(np.float32)
        speed = float(np.exp(rng.uniform(*np.log([slowest, fastest]))))
        taken = self._corpus.pcm[start : min(stop, start + int(samples * speed) + 8)].astype(np.float32)
        changed = soxr.resample(taken, self._rate * speed, self._rate, quality="LQ")
        return np.asarray(changed[:samples], np.float32)

    def _reverberated(self, pcm: Floats, rng: np.random.Generator) -> Floats:
        """Return the samples as from a random room."""
        rt60_s = float(np.exp(rng.uniform(*np.log(self._settings.reverberation_rt60_s))))
        return reverberated(pcm, self._rate, rt60_s, rng.uniform(*self._settings.direct_to_reverberant_db), rng)

    def _place(self, run: EventRun, base: Floats, noise: Floats, events: Events, rng: np.random.Generator) -> Events:
        """Add a changed copy of the run to `base`; return its events there.

        Returns no events, and adds nothing, when it would overlap an event of its own class.
        """
        settings = self._settings
        if run.events[0, 2] in self._corpus.point_classes:
            spacing = float(np.exp(rng.uniform(*np.log(settings.point_spacing))))
            run = run.respaced(spacing, self._rate, rng)
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
        spectrum, size = filtered_spectrum(pcm, curve_db)
        places = np.linspace(0.0, 1.0, len(spectrum))
        audible = np.abs(spectrum * np.interp(places, self._pass_places, self._pass_gain).astype(np.float32)) ** 2
        return irfft(spectrum, size)[: len(pcm)], 2.0 * float(audible.sum()) / size


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
    width = int(rng.integers(min(settings.masked_bands_max, bands) + 1))
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
    """Makes numbered batches.

    Seed, number and what was found to be hard decide the content, so a resumed run gets the same batches.
    """

    remixer: Remixer
    frontend: Frontend
    clock: StepClock
    settings: AugmentationSettings
    seed: int
    n_classes: int
    n_sequences: int  # of a batch
    n_steps: int  # of a sequence
    lessons: Lessons | None = None  # of a teacher

    def batch(self, number: int) -> tuple[NDArray[np.int8], Floats]:
        """Return features int8[sequences, frames, bands] and targets float32[sequences, steps, classes]."""
        rng = np.random.default_rng([self.seed, number])
        features, targets = [], []
        for _ in range(self.n_sequences):
            pcm, wanted = self._sequence(rng)
            clean = self.frontend.features(pcm)
            features.append(augment_features(clean, self.frontend.config.int8_step_db, self.settings, rng))
            targets.append(wanted)
        return np.stack(features), np.stack(targets)

    def _sequence(self, rng: np.random.Generator) -> tuple[NDArray[np.int16], Floats]:
        """Return the samples of one sequence and its targets; a teacher hears it as it is, before features change."""
        lessons = self.lessons
        if lessons and lessons.unlabelled and rng.random() < lessons.unlabelled_share:
            pcm = lessons.unlabelled.draw(rng)[0].astype(np.int16)
            return pcm, lessons.teacher.probabilities(pcm, self.n_steps)
        sequence = self.remixer.sequence(rng)
        targets = step_targets(self.clock, self.n_steps, sequence.events, self.n_classes)
        if lessons and lessons.share:
            taught = lessons.teacher.probabilities(sequence.pcm, self.n_steps)
            targets = (1 - lessons.share) * targets + lessons.share * taught
        return sequence.pcm, targets
