"""The convolutions of a backbone in plain NumPy, and YAMNet's features by their published formulas, in float64."""

import numpy as np
from numpy.typing import NDArray

from stapes.train.learn.backbone import Backbone, BackboneConvolution

Floats = NDArray[np.float64]


def run_backbone(backbone: Backbone, features: Floats) -> Floats:
    """Return the output of the last layer: float64[frames, bands] to float64[rows, columns, channels]."""
    values = features[:, :, np.newaxis].astype(np.float64)
    for convolution in backbone.convolutions:
        values = convolve(convolution, values)
    return values


def convolve(convolution: BackboneConvolution, values: Floats) -> Floats:
    """Return one convolution with ReLU, float64[rows, columns, channels] to the same.

    SAME padding: what is missing is split, and an odd one is padded at the end.
    """
    kernel, stride = convolution.kernel.astype(np.float64), convolution.stride
    sizes = [-(-size // stride) for size in values.shape[:2]]
    missing = [
        max(0, (out - 1) * stride + taps - size)
        for out, taps, size in zip(sizes, kernel.shape[:2], values.shape[:2], strict=True)
    ]
    padded = np.pad(values, [*((total // 2, total - total // 2) for total in missing), (0, 0)])
    summed = np.zeros((*sizes, convolution.channels_out))
    for row in range(kernel.shape[0]):
        for column in range(kernel.shape[1]):
            seen = padded[row : row + stride * sizes[0] : stride, column : column + stride * sizes[1] : stride]
            seen = seen[: sizes[0], : sizes[1]]
            tap = kernel[row, column]
            summed += seen * tap[:, 0] if convolution.kind == "depthwise" else seen @ tap
    return np.clip(summed + convolution.bias, 0, convolution.activation_max)


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
