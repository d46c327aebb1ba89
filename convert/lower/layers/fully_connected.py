"""FULLY_CONNECTED: int8 or int16, weights of int8 quantized per tensor or per channel.

LiteRT computes round(double(sum) * s_in * s_w[channel] / s_out), halves away from zero, in both cases. The generated
C uses a multiplier of 31 bits, where there is none of 62, that is proved to agree on every sum that the layer can form.
"""

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from stapes.convert.lower import common_shift
from stapes.convert.lower.arithmetic import LongMultiplierError, round_once_array, single_rounding, single_rounding_62
from stapes.convert.lower.layers._shared.convolution import Sums, channel_sums, checked_weights, factors
from stapes.convert.lower.layers._shared.convolution_16 import has_narrow_sums, wide_bias
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Call, Constant, Field, Operation
from stapes.firmware_sim.tflite.schema import Option

OPTIONS = {
    "activation": Option(0, "b"),
    "weights_format": Option(1, "b"),
    "keep_num_dims": Option(2, "?"),
    "bias_type": Option(4, "b"),
}


def lower(node: Node) -> list[Operation]:
    """Check one FULLY_CONNECTED and return its kernel call."""
    node.expect((2, 3))
    weights = checked_weights(node, axis=0)
    if weights.ndim != 2 or node.option("weights_format"):
        node.refuse(
            f"weights {list(weights.shape)} in format {node.option('weights_format')}", "two axes, the default format"
        )
    if node.tensor(1).quantization.zero_points.any():  # type: ignore[union-attr]
        node.refuse("weights with a zero point", "symmetric weights")
    out_size, in_size = weights.shape
    given = node.tensor(0)
    if given.count % in_size:
        node.refuse(f"input {list(given.shape)} for rows of {in_size} weights", "whole rows")
    rows = given.count // in_size
    node.expect_shape((*given.shape[:-1], out_size) if node.option("keep_num_dims") else (rows, out_size))
    sizes = {"rows": rows, "in_size": in_size, "out_size": out_size}
    low, high = node.clamp_range()
    if given.dtype == "int16":
        return [_wide(node, {**sizes, "out_min": low, "out_max": high}, weights)]
    limits = {"out_zero": node.scale(node.output())[1], "out_min": low, "out_max": high}
    sums = channel_sums(node, weights.astype(np.int64))
    try:
        return [_short(node, {**sizes, **limits}, weights, sums)]
    except LongMultiplierError:
        return [_exact(node, {**sizes, **limits}, weights, sums)]


def _wide(node: Node, fields: dict[str, int], weights: np.ndarray) -> Call:
    """Return the call of the kernel of int16, whose factors are the doubles of LiteRT."""
    bias = wide_bias(node, len(weights))
    bounds = np.abs(bias) + (np.abs(weights.astype(np.int64)).sum(axis=1) << 15)
    largest = 1 << (31 if has_narrow_sums(node) else 53)
    mantissas, exponents = [], []
    for channel, (factor, bound) in enumerate(zip(factors(node, len(bias), "int16"), bounds.tolist(), strict=True)):
        fraction, exponent = math.frexp(factor)
        if bound >= largest or bound * factor >= (1 << 31) - 1 or not -96 <= exponent <= 30:
            node.refuse(
                f"channel {channel} scales sums up to {bound} by {factor}",
                f"sums below {largest}, results within int32",
            )
        mantissas.append(int(fraction * 2**53))
        exponents.append(53 - exponent)
    constants: dict[str, Field] = {
        "weights": Constant("weights", {"": weights}),
        "bias": Constant("bias", {"": bias}),
        "multiplier": Constant("multiplier", {"": np.array(mantissas, np.int64)}),
        "shift": Constant("shift", {"": np.array(exponents, np.int16)}),
    }
    return _call(node, "stapes_nn_dense_16", {**fields, **constants}, macs=fields["rows"] * weights.size)


def _short(node: Node, fields: dict[str, int], weights: np.ndarray, sums: Sums) -> Call:
    """Return the call of the kernel with multipliers of 31 bits; raises LongMultiplierError where there are none."""
    rounding = _rounding(node, sums, single_rounding)
    channels = [
        common_shift.Channel(
            bias,
            multiplier,
            shift,
            multiplier * 2.0**-shift,
            bound,
            partial(round_once_array, multiplier=multiplier, shift=shift),
        )
        for bias, bound, (multiplier, shift) in zip(sums.bias.tolist(), sums.bound.tolist(), rounding, strict=True)
    ]
    lowest = bool((weights == -128).any())  # which the sums of two weights in stapes_nn_dense_dsp.c have no room for
    constants = common_shift.fields(node, channels, possible=not lowest)
    return _call(
        node,
        "stapes_nn_dense",
        {
            **fields,
            "common_shift": constants.pop("common_shift"),
            "weights": Constant("weights", {layout.macro: layout.dense(weights) for layout in node.layouts}),
            **constants,
        },
        macs=fields["rows"] * weights.size,
        scratch=max(layout.dense_scratch(fields["in_size"], fields["out_size"]) for layout in node.layouts),
    )


def _exact(node: Node, fields: dict[str, int], weights: np.ndarray, sums: Sums) -> Call:
    """Return the call of the kernel with multipliers of 62 bits."""
    rounding = _rounding(node, sums, single_rounding_62)
    return _call(
        node,
        "stapes_nn_dense_exact",
        {
            **fields,
            "weights": Constant("weights", {"": weights}),
            "bias": Constant("bias", {"": sums.bias.astype(np.int32)}),
            "multiplier": Constant("multiplier", {"": np.array([multiplier for multiplier, _ in rounding])}),
            "shift": Constant("shift", {"": np.array([shift for _, shift in rounding], np.int8)}),
        },
        macs=fields["rows"] * weights.size,
    )


def _call(node: Node, kernel: str, fields: dict[str, Field], macs: int, scratch: int = 0) -> Call:
    return Call(
        name=node.name,
        kernel=kernel,
        form=kernel + "(&{name}, {in0}, {out}" + (", {scratch});" if kernel == "stapes_nn_dense" else ");"),
        inputs=(node.number(0),),
        output=node.operator.outputs[0],
        struct=f"{kernel}_layer",
        fields=fields,
        scratch=scratch,
        overlap=(None,),
        macs=macs,
    )


def _rounding(node: Node, sums: Sums, find: Callable[[float, int, int, int], tuple[int, int]]) -> list[tuple[int, int]]:
    """Return multiplier and shift of each channel, as `find` of arithmetic.py finds them."""
    zero = node.scale(node.output())[1]
    low, high = (limit - zero for limit in node.clamp_range())
    found = []
    for channel, (factor, bound) in enumerate(zip(factors(node, sums.bias.size), sums.bound.tolist(), strict=True)):
        try:
            found.append(find(factor, bound, low, high))
        except LongMultiplierError:
            raise
        except ArithmeticError as error:
            node.refuse(f"channel {channel}: {error}", "results within int32")
    return found
