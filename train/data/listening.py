"""Read a recording from beginning to end, block by block, and summarise its sound: levels, clipping, silence, SNR."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from stapes.runtime.labels import Annotation
from stapes.train.data.dataset import POINT_S, Recording

FULL_SCALE = 32767
CLIPPED_RUN = 3  # successive samples at full scale: a single one may be a peak, several are a flat top
SILENCE_S = 0.1  # of samples that are exactly zero: the noise of a microphone is not zero for so long
CELL_S = 0.005  # resolution of the power curve for the signal-to-noise ratios
AROUND_S = 1.0  # the background of an event is this long before and after it, without other events
BACKGROUND_MIN_S = 0.1
HIGH_PASS_HZ = 150.0  # below it wind, handling noise and mains hum dominate
SNR_FLOOR_DB = -10.0  # power added below this ratio cannot be told from fluctuations of the background


@dataclass(frozen=True)
class Stretches:
    """How often, when first, and for how long in total successive samples have some property."""

    count: int = 0
    first_s: float = 0.0
    total_s: float = 0.0


@dataclass(frozen=True)
class AudioSummary:
    """A summary of the sound of a recording. Levels are shares of full scale."""

    rate_hz: int
    channels: int
    content: str  # sha256 of the samples: the same for the same audio in another file
    peak: float
    dc: float
    clipped: Stretches  # at full scale for CLIPPED_RUN samples or more
    silent: Stretches  # exactly zero for SILENCE_S or more
    snr_db: tuple[float, ...]  # of each annotation, as by `snr_db`


def listen(recording: Recording) -> AudioSummary:
    """Summarise a recording at its own rate. Raises AudioError for a file that is cut off or cannot be decoded."""
    rate_hz = recording.audio(1).source_rate_hz
    file = recording.audio(rate_hz)
    digest, peak, total, samples = hashlib.sha256(), 0, 0, 0
    clipped, silent = StretchCounter(rate_hz, CLIPPED_RUN), StretchCounter(rate_hz, round(SILENCE_S * rate_hz))
    power = _PowerCurve(rate_hz)
    for block in file.blocks():
        digest.update(block.tobytes())
        loud = np.abs(block.astype(np.int32))
        peak = max(peak, int(loud.max(initial=0)))
        total += int(block.sum(dtype=np.int64))
        samples += len(block)
        clipped.push(loud >= FULL_SCALE)
        silent.push(loud == 0)
        power.push(block)
    return AudioSummary(
        rate_hz,
        file.channels,
        digest.hexdigest(),
        peak / FULL_SCALE,
        total / max(samples, 1) / FULL_SCALE,
        clipped.stretches(),
        silent.stretches(),
        snr_db(power.cells(), recording.annotations),
    )


class StretchCounter:
    """Counts stretches of at least `least` true values in a signal that comes in blocks of any size."""

    def __init__(self, rate_hz: int, least: int) -> None:
        self._rate_hz, self._least, self._at, self._open = rate_hz, least, 0, 0
        self._starts: list[NDArray[np.int64]] = []
        self._lengths: list[NDArray[np.int64]] = []

    def push(self, true: NDArray[np.bool_]) -> None:
        """Take the next block, bool[samples]."""
        if not len(true):
            return
        edges = np.flatnonzero(np.diff(np.concatenate([[self._open > 0], true, [False]]).astype(np.int8)))
        # a stretch that was open at the beginning of the block has only its end among the edges
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

    def stretches(self) -> Stretches:
        """Return the count at the end of the recording, which ends an open stretch."""
        if self._open:
            self._close(np.array([self._at - self._open]), np.array([self._open]))
            self._open = 0
        lengths = np.concatenate([np.zeros(0, np.int64), *self._lengths])
        if not len(lengths):
            return Stretches()
        first = next(each[0] for each in self._starts if len(each))
        return Stretches(len(lengths), float(first) / self._rate_hz, float(lengths.sum()) / self._rate_hz)


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
    """Return the signal-to-noise ratio of each annotation in dB: 10 log10(power it adds / power of its background).

    `power` is float64[cells], the mean power in each cell of CELL_S. The background is what lies within 1 s of the
    event and outside of all annotations. The ratio is nan where there is less than 0.1 s of background, or where the
    background is digital silence; ratios below SNR_FLOOR_DB are raised to it.
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
