"""A convolution of a pretrained backbone, and the layout that YAMNet gives to its layers."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.errors import ModelError

Floats = NDArray[np.float32]
Kind = Literal["convolution", "depthwise", "pointwise"]

# The channels of YAMNet's layers, and their strides in time and in frequency: _YAMNET_LAYER_DEFS in tensorflow/models,
# research/audioset/yamnet/yamnet.py. A file of weights alone does not state the strides.
YAMNET_LAYERS = (
    (32, 2),
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *[(512, 1)] * 5,
    (1024, 2),
    (1024, 1),
)
YAMNET_LAYOUT = (
    "YAMNet's layout: a 3x3 convolution of one input channel, then in turn a 3x3 depthwise and a 1x1 convolution, "
    "each followed by ReLU"
)


@dataclass(frozen=True)
class BackboneConvolution:
    """One convolution with BatchNorm folded in; ReLU follows it.

    kernel: float32[rows in time, columns in frequency, channels in, channels out]; of a depthwise convolution
        float32[3, 3, channels, 1].
    bias: float32[channels out].
    stride: in time and in frequency. Padding is SAME as TensorFlow defines it: with stride 2 an even size is padded
        after its end alone.
    activation_max: the highest output of the ReLU: 6 for ReLU6, infinity for a plain ReLU.
    """

    kind: Kind
    kernel: Floats
    bias: Floats
    stride: int
    activation_max: float = math.inf

    @property
    def channels_in(self) -> int:
        """Number of input channels."""
        return int(self.kernel.shape[2])

    @property
    def channels_out(self) -> int:
        """Number of output channels."""
        return len(self.bias)


def check_convolutions(convolutions: list[BackboneConvolution], source: str) -> None:
    """Raise ModelError unless these convolutions follow each other as YAMNet's do and all weights are finite."""
    channels = 1
    for number, convolution in enumerate(convolutions):
        expected: Kind = "convolution" if number == 0 else "depthwise" if number % 2 else "pointwise"
        rows = 1 if expected == "pointwise" else 3
        shape = (rows, rows, channels, 1 if expected == "depthwise" else convolution.channels_out)
        if convolution.kind != expected or convolution.kernel.shape != shape:
            raise ModelError(
                f"{source}: convolution {number + 1} is a {_adjective(convolution.kind)} one with a kernel of shape "
                f"{list(convolution.kernel.shape)} where a {_adjective(expected)} one of shape {list(shape)} is "
                f"expected; supported is {YAMNET_LAYOUT}"
            )
        for what, weights in (("kernel", convolution.kernel), ("bias", convolution.bias)):
            if strange := int(np.sum(~np.isfinite(weights))):
                raise ModelError(
                    f"{source}: {strange} of the {weights.size} weights in the {what} of convolution {number + 1} "
                    "are NaN or infinite; get a sound copy of the file"
                )
        channels = convolution.channels_out


def _adjective(kind: Kind) -> str:
    return "full" if kind == "convolution" else kind
