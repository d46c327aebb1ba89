"""DEPTHWISE_CONV_2D: int8 or int16 NHWC, any depth multiplier; weights of int8.

LiteRT rounds the int32 sum of int8 twice with s_in * s_w[channel] / s_out, formed in double.
"""

from stapes.convert.lower.layers._shared import convolution, convolution_16
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation
from stapes.firmware_sim.tflite.schema import Option

OPTIONS = {
    "padding": Option(0, "b"),
    "stride_width": Option(1, "i"),
    "stride_height": Option(2, "i"),
    "activation": Option(4, "b"),
    "dilation_width": Option(5, "i", 1),
    "dilation_height": Option(6, "i", 1),
}


def lower(node: Node) -> list[Operation]:
    """Check one DEPTHWISE_CONV_2D and return its kernel call."""
    node.expect((2, 3))
    weights = convolution.checked_weights(node, axis=3)
    if len(node.tensor(0).shape) != 4 or weights.ndim != 4 or weights.shape[0] != 1:
        node.refuse(
            f"input {list(node.tensor(0).shape)}, weights {list(weights.shape)}",
            "four axes, weights [1, height, width, channels]",
        )
    in_channels, out_channels = node.tensor(0).shape[3], weights.shape[3]
    if out_channels % in_channels:
        node.refuse(
            f"{out_channels} channels from {in_channels}", "a whole number of output channels per input channel"
        )
    if node.tensor(0).dtype == "int16":
        return [convolution_16.call(node, weights.transpose(3, 1, 2, 0), groups=in_channels)]
    return [convolution.depthwise_call(node, weights[0])]
