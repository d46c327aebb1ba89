"""The convolutions of a backbone in plain NumPy, in float64."""

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
