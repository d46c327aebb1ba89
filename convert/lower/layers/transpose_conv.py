"""TRANSPOSE_CONV: int8 or int16 NHWC, one group; weights of int8.

Of int8, LiteRT adds (x - zero) * w to an int32 sum for each output that an input pixel reaches, then the bias, and
rounds twice with s_in * s_w[channel] / s_out, formed in double; of int16 it rounds as in CONV_2D. The padding is that
of a convolution from the output to the input.
"""

from dataclasses import replace

import numpy as np

from stapes.convert.lower.layers._shared.convolution import (
    channel_sums,
    checked_multiplier,
    checked_weights,
    factors,
    sixteen_bits,
)
from stapes.convert.lower.layers._shared.convolution_16 import channel_constants, has_narrow_sums
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Call, Constant, Field, Operation
from stapes.firmware_sim.tflite.schema import SAME, Option

OPTIONS = {
    "padding": Option(0, "b"),
    "stride_width": Option(1, "i"),
    "stride_height": Option(2, "i"),
    "activation": Option(3, "b"),
    "bias_type": Option(4, "b"),
}


def lower(node: Node) -> list[Operation]:
    """Check one TRANSPOSE_CONV, whose inputs are the output's shape, weights, input and bias; return its call."""
    node.expect((3, 4))
    shape, inputs = tuple(node.values(0)), node.operator.inputs
    if len(shape) != 4 or min(shape) < 1:
        node.refuse(f"output {list(shape)}", "four axes, of sizes of at least 1")
    node.expect_shape(shape)
    # in the order of CONV_2D, whose checks follow
    node = replace(node, operator=replace(node.operator, inputs=(inputs[2], inputs[1], *inputs[3:])))
    weights = checked_weights(node, axis=0)
    given = node.tensor(0).shape
    if len(given) != 4 or weights.ndim != 4:
        node.refuse(f"input {list(given)}, weights {list(weights.shape)}", "four axes each")
    if (shape[0], shape[3], given[3]) != (given[0], weights.shape[0], weights.shape[3]):
        node.refuse(
            f"input {list(given)}, weights {list(weights.shape)}, output {list(shape)}", "batches and channels that fit"
        )
    low, high = node.clamp_range()
    out_channels, height, width, in_channels = weights.shape
    geometry = {
        "batches": given[0],
        "in_height": given[1],
        "in_width": given[2],
        "in_channels": in_channels,
        "out_height": shape[1],
        "out_width": shape[2],
        "out_channels": out_channels,
        "kernel_height": height,
        "kernel_width": width,
        "stride_height": _stride(node, "height"),
        "stride_width": _stride(node, "width"),
        "dilation_height": 1,
        "dilation_width": 1,
        "pad_top": _padding(node, 1, shape[1], height),
        "pad_left": _padding(node, 2, shape[2], width),
    }
    wide, taps = node.tensor(0).dtype == "int16", weights.astype(np.int64).reshape(out_channels, -1)
    fields: dict[str, Field] = {
        **sixteen_bits(node, geometry),
        **_form(node, wide),
        "out_min": low,
        "out_max": high,
        "weights": Constant("weights", {"": weights}),
        **(channel_constants(node, np.abs(taps).sum(axis=1)) if wide else _channel_constants(node, taps)),
    }
    kernel = "stapes_nn_transpose_conv_16" if wide else "stapes_nn_transpose_conv"
    return [
        Call(
            name=node.name,
            kernel=kernel,
            form=kernel + "(&{name}, {in0}, {out});",
            inputs=(node.number(0),),
            output=node.operator.outputs[0],
            struct="stapes_nn_conv_16_layer" if wide else "stapes_nn_conv_layer",
            fields=fields,
            overlap=(None,),
            macs=given[0] * given[1] * given[2] * weights.size,
            note=f"{height}x{width}",
        )
    ]


def _form(node: Node, wide: bool) -> dict[str, int]:
    """Return the fields that only the layer of int16, or only that of int8, has."""
    if wide:
        return {"groups": 1, "narrow_sums": int(has_narrow_sums(node))}
    return {"in_zero": node.scale(node.tensor(0))[1], "out_zero": node.scale(node.output())[1]}


def _stride(node: Node, name: str) -> int:
    stride = node.option(f"stride_{name}")
    if not 1 <= stride < 1 << 15:
        node.refuse(f"stride {stride} along the {name}", "1 to 32767")
    return stride


def _padding(node: Node, axis: int, size: int, kernel: int) -> int:
    """Return the padding before the output's first row (axis 1) or column (2): that of a convolution of the output.

    Refuses an output from which that convolution would not make as many positions as the input has, as LiteRT does.
    """
    name = {1: "height", 2: "width"}[axis]
    stride = node.option(f"stride_{name}")
    positions = -(-size // stride) if node.option("padding") == SAME else (size + stride - kernel) // stride
    if positions != node.tensor(0).shape[axis]:
        node.refuse(
            f"{name} {node.tensor(0).shape[axis]} to {size} by stride {stride} and kernel {kernel}",
            f"an output that a convolution makes {node.tensor(0).shape[axis]} positions of",
        )
    return max(0, (positions - 1) * stride + kernel - size) // 2


def _channel_constants(node: Node, taps: np.ndarray) -> dict[str, Field]:
    """Return bias, multiplier and shift of each output channel; refuses sums and results that leave int32.

    taps: int64 [output channels, taps of each]. The sum of any of its products is bounded by that of all of them.
    """
    sums = channel_sums(node, taps)
    pairs = [
        checked_multiplier(node, f"channel {channel}", factor, bound)
        for channel, (factor, bound) in enumerate(zip(factors(node, sums.bias.size), sums.bound.tolist(), strict=True))
    ]
    bias = sums.bias + node.scale(node.tensor(0))[1] * taps.sum(axis=1)
    return {
        "bias": Constant("bias", {"": bias.astype(np.int32)}),
        "multiplier": Constant("multiplier", {"": np.array([multiplier for multiplier, _ in pairs], np.int32)}),
        "shift": Constant("shift", {"": np.array([shift for _, shift in pairs], np.int8)}),
    }
