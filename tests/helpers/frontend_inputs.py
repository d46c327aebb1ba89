"""Configurations of the frontend at its limits, and inputs that make a wrong bit likely to show."""

import numpy as np
import numpy.typing as npt

from stapes.firmware_sim.device.frontend import FrontendConfig

Int16s = npt.NDArray[np.int16]
CONFIGS = {
    "32/16 ms": FrontendConfig(),
    "25/10 ms": FrontendConfig(window_samples=400, hop_samples=160),
    "vibration": FrontendConfig(
        sample_rate_hz=1600,
        n_fft=256,
        window_samples=256,
        hop_samples=64,
        n_bands=32,
        band_scale="linear",
        f_min_hz=5,
        f_max_hz=800,
        dc_blocker=True,
    ),
    "smallest": FrontendConfig(n_fft=64, window_samples=50, hop_samples=7, n_bands=1),
    "largest": FrontendConfig(
        sample_rate_hz=96_000,
        n_fft=2048,
        window_samples=2048,
        hop_samples=2048,
        n_bands=128,
        band_scale="htk",
        f_min_hz=200,
        f_max_hz=48_000,
    ),
    "odd power": FrontendConfig(n_fft=1024, window_samples=902, hop_samples=451, n_bands=64),
}


def random_samples(samples: int, shift: int) -> Int16s:
    """Return noise of a linear congruential generator, the same everywhere; its level changes every 300 samples."""
    state, out = 1, np.empty(samples, np.int16)
    for n in range(samples):
        state = (state * 1_664_525 + 1_013_904_223) % 2**32
        out[n] = ((state >> 16) - 32_768) >> (shift + n // 300 % 8)
    return out


def clicks(samples: int) -> Int16s:
    pcm = np.zeros(samples, np.int16)
    pcm[::97], pcm[5::211], pcm[7::331] = 32_767, -32_768, 1
    return pcm


def worst_frames(config: FrontendConfig) -> Int16s:
    """Return full-scale frames: signs of the FFT's basis functions, single edges, and alternating extremes."""
    window, n = config.window_samples, np.arange(config.window_samples)
    half = config.n_fft // 2
    rows = [
        np.sign(np.cos(2 * np.pi * k * n / config.n_fft + phase))
        for k in {0, 1, 2, 3, half // 4, half // 3, half // 2, half - 1, half}
        for phase in (0.0, 0.7, np.pi / 2, 2.5)
    ]
    rows += [np.where(n % period < period / 2, 1, -1) for period in (2, 4, 6, 8)]
    rows += [
        np.ones(window),
        -np.ones(window),
        np.where(n < window // 2, 1, -1),
        np.where(n == 0, -1, 0),
        np.where(n == window - 1, -1, 0),
    ]
    rows += [np.where(n % 2 == 0, 1, 0), np.where(n % 2 == 1, -1, 0), np.where(n == window // 2, -1, 0)]
    frames = np.concatenate([np.array(rows), -np.array(rows)])
    return np.clip(np.round(frames * 32_768), -32_768, 32_767).astype(np.int16).ravel()
