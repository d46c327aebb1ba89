"""What a room and a microphone do to a sound: reverberation, and a smooth change of its spectrum."""

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

Floats = NDArray[np.float32]
EARLIEST_S = 0.003  # between the direct sound and the first reflection


def reverberated(pcm: Floats, rate_hz: int, rt60_s: float, direct_db: float, rng: np.random.Generator) -> Floats:
    """Return the samples with the reverberation of a room added; the direct sound keeps its place and its level.

    The impulse response is noise that decays by 60 dB in `rt60_s` seconds (Polack 1988), and `direct_db` is the level
    of the direct sound above it. The result is as long as `pcm`: what sounds on after its end is left out.
    """
    length = int(rt60_s * rate_hz)
    times = np.arange(length) / rate_hz
    response = rng.standard_normal(length) * 10 ** (-3 * times / rt60_s)
    response[: int(EARLIEST_S * rate_hz)] = 0
    response *= 10 ** (-direct_db / 20) / np.sqrt(np.sum(response**2) + 1e-12)
    response[0] = 1
    size = next_fast_len(len(pcm) + length, real=True)
    return np.asarray(irfft(rfft(pcm, size) * rfft(response.astype(np.float32), size), size)[: len(pcm)], np.float32)


def smooth_curve(rng: np.random.Generator, deviation_db: float, points: int) -> Floats:
    """Return random gains in dB at `points` places along the frequency axis, similar for neighbours, with mean 0."""
    raw = rng.normal(0.0, deviation_db, points + 2)
    return ((raw[:-2] + raw[1:-1] + raw[2:]) / np.sqrt(3)).astype(np.float32)


def filtered_spectrum(pcm: Floats, curve_db: Floats) -> tuple[NDArray[np.complex64], int]:
    """Return the spectrum of the samples filtered by a curve of gains, and the length of the transform.

    `curve_db` are gains in dB at equal distances from 0 Hz to half the sample rate.
    """
    size = next_fast_len(len(pcm), real=True)
    places = np.linspace(0.0, 1.0, size // 2 + 1)
    gain = 10 ** (np.interp(places, np.linspace(0.0, 1.0, len(curve_db)), curve_db) / 20)
    return rfft(pcm, size) * gain.astype(np.float32), size


def filtered(pcm: Floats, curve_db: Floats) -> Floats:
    """Return the samples filtered by a curve of gains in dB; see `filtered_spectrum`."""
    spectrum, size = filtered_spectrum(pcm, curve_db)
    return np.asarray(irfft(spectrum, size)[: len(pcm)], np.float32)
