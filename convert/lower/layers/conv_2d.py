"""CONV_2D: int8 or int16 NHWC, in any number of groups of channels; weights of int8.

LiteRT rounds the int32 sum of int8 twice with s_in * s_w[channel] / s_out, formed in double. Weights that are all
multiples of 16 hold four bits each, and are kept in half a byte.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from stapes.convert.lower.layers._shared import convolution, convolution_16
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation
from stapes.convert.lower.packing import four_bits, four_bits_scratch
from stapes.firmware_sim.tflite.graph import LARGEST_TENSOR
from stapes.firmware_sim.tflite.schema import Option

LEAST_FOUR_BIT_WEIGHTS = 4096  # fewer are not worth the code that unpacks them

OPTIONS = {
    "padding": Option(0, "b"),
    "stride_width": Option(1, "i"),
    "stride_height": Option(2, "i"),
    "activation": Option(3, "b"),
    "dilation_width": Option(4, "i", 1),
    "dilation_height": Option(5, "i", 1),
    "bias_type": Option(6, "b"),
}


def lower(node: Node) -> list[Operation]:
    """Check one CONV_2D and return its kernel call."""
    node.expect((2, 3))
    weights = convolution.checked_weights(node, axis=0)
    if len(node.tensor(0).shape) != 4 or weights.ndim != 4:
        node.refuse(f"input {list(node.tensor(0).shape)}, weights {list(weights.shape)}", "four axes each")
    out_channels, depth = weights.shape[0], weights.shape[3]
    in_channels = node.tensor(0).shape[3]
    if in_channels % depth or out_channels % (in_channels // depth):
        node.refuse(
            f"weights for {depth} of {in_channels} input channels and {out_channels} output channels",
            "whole groups of channels",
        )
    groups = in_channels // depth
    if node.tensor(0).dtype == "int16":
        return [convolution_16.call(node, weights, groups=groups)]
    if groups > 1 and depth == 1:
        return [convolution.depthwise_call(node, np.moveaxis(weights[..., 0], 0, -1))]
    if groups > 1:
        weights = _ungrouped(node, weights, groups)
    kernel = convolution.Kernel(
        name="stapes_nn_conv",
        size=(weights.shape[1], weights.shape[2]),
        taps=weights.astype(np.int64).reshape(weights.shape[0], -1),
        packed={layout.macro: layout.conv(weights) for layout in node.layouts},
        scratch=[layout.conv_scratch for layout in node.layouts],
        tiles=[layout.conv_tile for layout in node.layouts],
    )
    if groups == 1 and node.tensor(0).shape[0] == 1 and _have_four_bits(weights):
        return [_in_four_bits(node, kernel, weights)]
    made = convolution.call(node, kernel)
    if groups > 2:
        node.warn(f"{groups} groups of channels are computed as one, with {groups} times the products and weights")
    return [made]


def _have_four_bits(weights: np.ndarray) -> bool:
    return weights.size >= LEAST_FOUR_BIT_WEIGHTS and not (weights % 16).any()


def _in_four_bits(node: Node, kernel: convolution.Kernel, weights: np.ndarray) -> Operation:
    """Return the call of the kernel that unpacks weights of four bits; its output must not overlap the input."""
    unpacking = replace(
        kernel,
        name="stapes_nn_conv_4bit",
        packed={layout.macro: four_bits(layout, weights) for layout in node.layouts},
        scratch=[partial(four_bits_scratch, layout) for layout in node.layouts],
    )
    return replace(convolution.call(node, unpacking), overlap=(None,))


def _ungrouped(node: Node, weights: np.ndarray, groups: int) -> np.ndarray:
    """Return weights [out, height, width, all input channels], which are 0 outside of the group of each output."""
    if weights.size * groups > LARGEST_TENSOR:
        node.refuse(f"{weights.size} weights in {groups} groups", f"together at most {LARGEST_TENSOR}")
    out_channels, height, width, depth = weights.shape
    per_group = out_channels // groups
    whole = np.zeros((groups, per_group, height, width, groups, depth), np.int8)
    for group in range(groups):
        whole[group, ..., group, :] = weights[group * per_group : (group + 1) * per_group]
    return whole.reshape(out_channels, height, width, groups * depth)
