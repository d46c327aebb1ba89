"""CONV_2D: int8 or int16 NHWC, one group; weights of int8.

LiteRT rounds the int32 sum of int8 twice with s_in * s_w[channel] / s_out, formed in double.
"""

import numpy as np

from stapes.convert.lower.layers._shared import convolution, convolution_16
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation
from stapes.firmware_sim.tflite.schema import Option

OPTIONS = {
    "padding": Option(0, "b"),
    "stride_width": Option(1, "i"),
    "stride_height": Option(2, "i"),
    "activation": Option(3, "b"),
    "dilation_width": Option(4, "i", 1),
    "dilation_height": Option(5, "i", 1),
}


def lower(node: Node) -> list[Operation]:
    """Check one CONV_2D and return its kernel call."""
    node.expect((2, 3))
    weights = convolution.checked_weights(node, axis=0)
    if len(node.tensor(0).shape) != 4 or weights.ndim != 4:
        node.refuse(f"input {list(node.tensor(0).shape)}, weights {list(weights.shape)}", "four axes each")
    in_channels = node.tensor(0).shape[3]
    if weights.shape[3] != in_channels:
        node.refuse(f"weights for {weights.shape[3]} of {in_channels} input channels", "one group of channels")
    if node.tensor(0).dtype == "int16":
        return [convolution_16.call(node, weights, groups=1)]
    kernel = convolution.Kernel(
        name="stapes_nn_conv",
        size=(weights.shape[1], weights.shape[2]),
        taps=weights.astype(np.int64).reshape(weights.shape[0], -1),
        packed={layout.macro: layout.conv(weights) for layout in node.layouts},
        scratch=[layout.conv_scratch for layout in node.layouts],
        tiles=[layout.conv_tile for layout in node.layouts],
    )
    return [convolution.call(node, kernel)]
