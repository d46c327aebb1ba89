"""One recording heard from its beginning to its end: what a person would notice in it, block by block."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from stapes.runtime.audio import AudioFile
from stapes.runtime.labels import Annotation
from stapes.train.data.dataset import Recording

FULL_SCALE = 32767
CLIPPED_RUN = 3  # successive samples at full scale: one may be a peak, a few in a row are a flat top
SILENCE_S = 0.1  # of samples that are exactly zero: a microphone's own noise never is for long
CELL_S = 0.005  # of the power curve that signal-to-noise ratios come from
AROUND_S = 1.0  # before and after an event: its background, where no other event is
BACKGROUND_MIN_S = 0.1
POINT_S = 0.05  # a label without extent stands for an event this long
HIGH_PASS_HZ = 150.0  # below it wind, handling and mains hide how loud a thing sounds
SNR_FLOOR_DB = -10.0  # an event that adds less power to its background cannot be told from its fluctuations


@dataclass(frozen=True)
class Runs:
    """Stretches of successive samples that have something in common."""

    count: int = 0
    first_s: float = 0.0
    total_s: float = 0.0


@dataclass(frozen=True)
class Heard:
    """What one recording is like. Levels are shares of full scale."""

    rate_hz: int
    channels: int
    content: str  # a hash of the samples: equal for the same audio in another file
    peak: float
    dc: float
    clipped: Runs  # of CLIPPED_RUN samples or more
    zeros: Runs  # of SILENCE_S or more
    snr_db: tuple[float, ...]  # of each annotation, against 1 s around it, both above 150 Hz; nan: not to be measured


def listen(recording: Recording) -> Heard:
    """Hear all of a recording at its own rate. Raises AudioError for what is cut off or cannot be decoded."""
    rate_hz = AudioFile(recording.path, 1).source_rate_hz
    file = AudioFile(recording.path, rate_hz)
    digest, peak, total, samples = hashlib.sha256(), 0, 0, 0
    clipped, zeros = RunCounter(rate_hz, CLIPPED_RUN), RunCounter(rate_hz, round(SILENCE_S * rate_hz))
    power = _PowerCurve(rate_hz)
    for block in file.blocks():
        digest.update(block.tobytes())
        loud = np.abs(block.astype(np.int32))
        peak = max(peak, int(loud.max(initial=0)))
        total += int(block.sum(dtype=np.int64))
        samples += len(block)
        clipped.push(loud >= FULL_SCALE)
        zeros.push(loud == 0)
        power.push(block)
    return Heard(
        rate_hz,
        file.channels,
        digest.hexdigest(),
        peak / FULL_SCALE,
        total / max(samples, 1) / FULL_SCALE,
        clipped.runs(),
        zeros.runs(),
        snr_db(power.cells(), recording.annotations),
    )


class RunCounter:
    """Runs of true values over blocks of any size."""

    def __init__(self, rate_hz: int, least: int) -> None:
        self._rate_hz, self._least, self._at, self._open = rate_hz, least, 0, 0
        self._starts: list[NDArray[np.int64]] = []
        self._lengths: list[NDArray[np.int64]] = []

    def push(self, true: NDArray[np.bool_]) -> None:
        """Hear the next block."""
        if not len(true):
            return
        edges = np.flatnonzero(np.diff(np.concatenate([[self._open > 0], true, [False]]).astype(np.int8)))
        # a run that was open at the block's start has only its end among the edges
        starts = edges[1::2] if self._open else edges[::2]
        ends = edges[::2] if self._open else edges[1::2]
        starts = np.concatenate([[-self._open] if self._open else [], starts]).astype(np.int64)
        lengths = ends - starts
        at_end = bool(true[-1])
        self._open = int(lengths[-1]) if at_end else 0
        keep = slice(None, -1 if at_end else None)
        self._close(starts[keep] + self._at, lengths[keep])
        self._at += len(true)

    def _close(self, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> None:
        long = lengths >= self._least
        self._starts.append(starts[long])
        self._lengths.append(lengths[long])

    def runs(self) -> Runs:
        """Return what was met; the last run ends with the recording."""
        if self._open:
            self._close(np.array([self._at - self._open]), np.array([self._open]))
            self._open = 0
        lengths = np.concatenate([np.zeros(0, np.int64), *self._lengths])
        if not len(lengths):
            return Runs()
        first = next(each[0] for each in self._starts if len(each))
        return Runs(len(lengths), float(first) / self._rate_hz, float(lengths.sum()) / self._rate_hz)


class _PowerCurve:
    """Mean power above HIGH_PASS_HZ in cells of CELL_S."""

    def __init__(self, rate_hz: int) -> None:
        self._sections = butter(2, min(HIGH_PASS_HZ, rate_hz / 50), "highpass", fs=rate_hz, output="sos")
        self._state = np.zeros((len(self._sections), 2))
        self._rate_hz, self._at = rate_hz, 0
        self._pieces: list[tuple[int, NDArray[np.float64]]] = []  # first cell, energy per cell

    def push(self, block: NDArray[np.int16]) -> None:
        if not len(block):
            return
        filtered, self._state = sosfilt(self._sections, block.astype(np.float64), zi=self._state)
        cells = ((self._at + np.arange(len(block))) / (CELL_S * self._rate_hz)).astype(np.int64)
        self._pieces.append((int(cells[0]), np.bincount(cells - cells[0], filtered**2).astype(np.float64)))
        self._at += len(block)

    def cells(self) -> NDArray[np.float64]:
        energy = np.zeros(max((first + len(piece) for first, piece in self._pieces), default=0))
        for first, piece in self._pieces:
            energy[first : first + len(piece)] += piece
        return energy / (CELL_S * self._rate_hz)


def snr_db(power: NDArray[np.float64], annotations: tuple[Annotation, ...]) -> tuple[float, ...]:
    """Return for each annotation 10 log10(power it adds / power within 1 s around it, outside of all annotations).

    `power`: mean power per cell of CELL_S. nan where less than 0.1 s of background is free, or it is digital silence;
    an event that adds less than a tenth of the background counts as SNR_FLOOR_DB.
    """
    spans = [_cells(each, len(power)) for each in annotations]
    free = np.ones(len(power), bool)
    for first, last in spans:
        free[first:last] = False
    ratios = []
    reach = round(AROUND_S / CELL_S)
    for first, last in spans:
        around = slice(max(0, first - reach), last + reach)
        background = power[around][free[around]]
        if len(background) * CELL_S < BACKGROUND_MIN_S or background.mean() < 1e-3 or last <= first:
            ratios.append(float("nan"))
        else:
            added = power[first:last].mean() / background.mean() - 1
            ratios.append(float(10 * np.log10(max(added, 10 ** (SNR_FLOOR_DB / 10)))))
    return tuple(ratios)


def _cells(event: Annotation, count: int) -> tuple[int, int]:
    offset = event.offset if event.offset > event.onset else event.onset + POINT_S
    first = min(round(event.onset / CELL_S), count)
    return first, min(max(round(offset / CELL_S), first + 1), count)
