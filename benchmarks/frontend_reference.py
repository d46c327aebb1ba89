"""The referee of the frontend: librosa's triangles over a float64 DFT, and the test signals."""

import librosa
import numpy as np
import numpy.typing as npt

from stapes.firmware_sim.device.frontend import LOG2_BIAS, LOG2_ONE, FrontendConfig, band_edges_hz

Floats = npt.NDArray[np.float64]
Int16s = npt.NDArray[np.int16]
SECONDS = 3


def triangles(config: FrontendConfig) -> Floats:
    """float64[n_bands, n_fft / 2 + 1], peak 1."""
    if config.band_scale != "linear":
        return librosa.filters.mel(
            sr=config.sample_rate_hz,
            n_fft=config.n_fft,
            n_mels=config.n_bands,
            fmin=config.f_min_hz,
            fmax=config.f_max_hz,
            htk=config.band_scale == "htk",
            norm=None,
            dtype=np.float64,
        )
    edges, bins = band_edges_hz(config), np.fft.rfftfreq(config.n_fft, 1 / config.sample_rate_hz)
    return np.array([np.interp(bins, edges[j : j + 3], [0, 1, 0]) for j in range(config.n_bands)])


def bin_powers(pcm: Int16s, config: FrontendConfig) -> Floats:
    """float64[frames, n_fft / 2 + 1]: power of the unscaled DFT of samples * Hann."""
    frames = np.lib.stride_tricks.sliding_window_view(pcm, config.window_samples)[:: config.hop_samples].astype(float)
    if config.dc_blocker:
        frames = frames - frames.mean(axis=1, keepdims=True)
    window = librosa.filters.get_window("hann", config.window_samples, fftbins=True)
    return np.abs(np.fft.rfft(frames * window, config.n_fft)) ** 2


def band_powers(pcm: Int16s, config: FrontendConfig) -> Floats:
    """Return float64[frames, n_bands]: the power in each triangle."""
    return bin_powers(pcm, config) @ triangles(config).T


def decibel_errors(log2_bands: Int16s, pcm: Int16s, config: FrontendConfig) -> Floats:
    """Return the error of each band in dB against the referee, with the power of 16-bit rounding noise added to both.

    That power is LSB^2 / 12.
    """
    window = librosa.filters.get_window("hann", config.window_samples, fftbins=True)
    noise = np.sum(window**2) / 12 * triangles(config).sum(axis=1)
    power = np.where(log2_bands == -32768, 0.0, 2.0 ** (log2_bands / LOG2_ONE + LOG2_BIAS))
    return 10 * np.log10((power + noise) / (band_powers(pcm, config) + noise))


def as_int16(signal: Floats) -> Int16s:
    """Return samples in -1..1 as int16, rounded and clipped."""
    return np.clip(np.round(32768 * signal), -32768, 32767).astype(np.int16)


def noise(level_db: float, samples: int, seed: int = 1) -> Floats:
    """Return white noise with this RMS level in dBFS."""
    return 10 ** (level_db / 20) * np.random.default_rng(seed).standard_normal(samples)


def pink_noise(level_db: float, samples: int) -> Floats:
    """Return noise that falls by 3 dB per octave, with this RMS level in dBFS."""
    spectrum = np.fft.rfft(noise(0, samples))
    shaped = np.fft.irfft(spectrum / np.sqrt(np.maximum(1, np.arange(len(spectrum)))), samples)
    return 10 ** (level_db / 20) * shaped / np.std(shaped)


def sine(level_db: float, hz: float, samples: int, rate: int = 16_000) -> Floats:
    """Return a sine with this peak level."""
    return 10 ** (level_db / 20) * np.sin(2 * np.pi * hz * np.arange(samples) / rate)


def sweep(level_db: float, samples: int, rate: int = 16_000) -> Floats:
    """Return a sine whose frequency rises exponentially from 20 Hz to 0.47 of the sample rate."""
    time, growth = np.arange(samples) / samples, np.log(0.47 * rate / 20)
    return 10 ** (level_db / 20) * np.sin(2 * np.pi * 20 * samples / rate / growth * (np.exp(time * growth) - 1))


def impulses(level_db: float, samples: int) -> Floats:
    """Return clicks of one sample a little more than 0.1 s apart, so that they fall on every part of the window."""
    signal = np.zeros(samples)
    signal[::1_613] = 10 ** (level_db / 20)
    return signal
