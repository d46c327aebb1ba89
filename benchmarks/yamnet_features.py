"""YAMNet's own features by its published formulas, in float64, and how far the device's lie from them in each band."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def yamnet_features(pcm: NDArray[np.int16]) -> Floats:
    """Return YAMNet's features of int16[samples] at 16 kHz: float64[frames, 64], ln(band magnitude + 0.001).

    Formulas: tensorflow/models, research/audioset/yamnet/features.py, with tf.signal.linear_to_mel_weight_matrix.
    """
    frames = np.lib.stride_tricks.sliding_window_view(pcm / 32768, 400)[::160]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    return np.log(np.abs(np.fft.rfft(frames * hann, 512)) @ mel_weights() + 0.001)


def mel_weights() -> Floats:
    """Return the weights of each FFT bin in each band, float64[257, 64]; triangles are linear in mel, not in Hz."""
    low, high, bins = (1127 * np.log1p(np.asarray(hz) / 700) for hz in (125.0, 7500.0, np.arange(257) * 31.25))
    edges = np.linspace(low, high, 66)
    rising = (bins[:, np.newaxis] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - bins[:, np.newaxis]) / np.diff(edges)[1:]
    weights = np.maximum(0, np.minimum(rising, falling))
    weights[0] = 0
    return weights


def offset_of_bands() -> Floats:
    """Return what each band adds to half the logarithm of its power, float64[64], in nepers, less the mean of bands.

    In a band where n bins are equally strong, the sum of n magnitudes is sqrt(n) times the root of the sum of n powers;
    n is the sum of the band's weights.
    """
    offset = 0.5 * np.log(mel_weights().sum(axis=0))
    return offset - offset.mean()
