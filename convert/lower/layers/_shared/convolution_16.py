"""Convolutions of int16 activations and int8 weights, which a converter calls 16x8.

LiteRT forms sums of 64 bits and rounds each once, with the upper 16 bits of the multiplier of s_in * s_w[channel] /
s_out, which is formed in double: halves up. Where the options of CONV_2D or TRANSPOSE_CONV say that the bias is int32,
sums have 32 bits and are rounded twice.
"""

import numpy as np

from stapes.convert.lower.arithmetic import quantize_multiplier
from stapes.convert.lower.layers._shared.convolution import checked_multiplier, factors, geometry, sixteen_bits, window
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Call, Constant, Field
from stapes.firmware_sim.tflite.schema import DTYPES

LARGEST_SUM = 1 << 47  # that the reference rounds
INT32 = DTYPES.index("int32")  # in the schema's TensorType


def call(node: Node, weights: np.ndarray, groups: int) -> Call:
    """Check what both operators have in common and return the kernel call.

    weights: int8 [output channels, height, width, input channels of a group].
    """
    batches, _, _, in_channels = node.tensor(0).shape
    rows, columns = (window(node, axis, weights.shape[axis]) for axis in (1, 2))
    node.expect_shape((batches, rows.out, columns.out, len(weights)))
    low, high = node.clamp_range()
    sizes = geometry(rows, columns, (in_channels, len(weights)), batches) | {"groups": groups}
    strides = f" /{rows.stride},{columns.stride}" if rows.stride * columns.stride > 1 else ""
    return Call(
        name=node.name,
        kernel="stapes_nn_conv_16",
        form="stapes_nn_conv_16(&{name}, {in0}, {out});",
        inputs=(node.number(0),),
        output=node.operator.outputs[0],
        struct="stapes_nn_conv_16_layer",
        fields={
            **sixteen_bits(node, sizes),
            "narrow_sums": int(has_narrow_sums(node)),
            "out_min": low,
            "out_max": high,
            "weights": Constant("weights", {"": weights}),
            **channel_constants(node, np.abs(weights.astype(np.int64)).reshape(len(weights), -1).sum(axis=1)),
        },
        overlap=(None,),
        macs=batches * rows.out * columns.out * weights.size,
        note=f"{rows.kernel}x{columns.kernel}{strides}",
    )


def has_narrow_sums(node: Node) -> bool:
    """Whether the options of an operator of int16 say that its bias, and hence its sums, are int32."""
    return node.options.get("bias_type") == INT32


def channel_constants(node: Node, weight_sizes: np.ndarray) -> dict[str, Field]:
    """Return bias, multiplier and shift of each output channel, and prove that sums and results fit.

    weight_sizes: per channel, the sum of the absolute values of the weights, int64.
    """
    bias, scaled = wide_bias(node, len(weight_sizes)), _twice if has_narrow_sums(node) else _once
    bounds = (np.abs(bias) + (weight_sizes << 15)).tolist()
    pairs = [
        scaled(node, channel, factor, bound)
        for channel, (factor, bound) in enumerate(zip(factors(node, len(bias), "int16"), bounds, strict=True))
    ]
    return {
        "bias": Constant("bias", {"": bias}),
        "multiplier": Constant("multiplier", {"": np.array([multiplier for multiplier, _ in pairs], np.int32)}),
        "shift": Constant("shift", {"": np.array([shift for _, shift in pairs], np.int8)}),
    }


def _once(node: Node, channel: int, factor: float, bound: int) -> tuple[int, int]:
    """Return multiplier and shift to the right of sums of 64 bits; bound: the largest absolute sum."""
    multiplier, exponent = quantize_multiplier(factor)
    reduced, shift = min((multiplier + (1 << 15)) >> 16, 0x7FFF), 15 - exponent
    if exponent > 7 or bound >= LARGEST_SUM or bound * reduced >> shift >= (1 << 31) - 1:
        node.refuse(f"channel {channel} scales sums up to {bound} by {factor}", "sums below 2^47, results below 2^31")
    return reduced, shift


def _twice(node: Node, channel: int, factor: float, bound: int) -> tuple[int, int]:
    """Return multiplier and shift of sums of 32 bits; bound: the largest absolute sum."""
    if bound >= 1 << 31:
        node.refuse(f"channel {channel} with a bias of int32 can sum up to {bound}", f"sums below {1 << 31}")
    return checked_multiplier(node, f"channel {channel}", factor, bound)


def wide_bias(node: Node, channels: int) -> np.ndarray:
    """Return the bias of an operator of int16, int64 [channels]; zeros where there is none."""
    for tensor in (node.tensor(0), node.output()):
        if node.scale(tensor, ("int16",))[1]:
            node.refuse(f"tensor {tensor.name} of int16 has a zero point", "the zero point 0")
    if len(node.operator.inputs) < 3 or node.operator.inputs[2] < 0:
        return np.zeros(channels, np.int64)
    given, dtype = node.tensor(2), "int32" if has_narrow_sums(node) else "int64"
    if given.data is None or given.dtype != dtype or given.count != channels:
        unsaid = ", but not by the options of the operator, so that LiteRT takes it for int64"
        node.refuse(
            f"bias {given.name} is {given.dtype} {list(given.shape)}{unsaid if given.dtype == 'int32' else ''}",
            f"a constant {dtype} bias of {channels}",
        )
    return np.clip(given.data.reshape(-1).astype(np.int64), -LARGEST_SUM, LARGEST_SUM)  # what is beyond is refused
