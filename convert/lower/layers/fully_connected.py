"""FULLY_CONNECTED: int8, weights quantized per tensor or per channel.

LiteRT computes round(double(sum) * s_in * s_w[channel] / s_out), halves away from zero, in both cases. The generated
C uses a 31-bit multiplier that is proved to agree on every sum that the layer can form.
"""

from functools import partial

import numpy as np

from stapes.convert.lower import common_shift
from stapes.convert.lower.arithmetic import round_once_array, single_rounding
from stapes.convert.lower.layers._shared.convolution import channel_sums, checked_weights, factors
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Call, Constant, Field, Operation
from stapes.firmware_sim.tflite.schema import Option

OPTIONS = {"activation": Option(0, "b"), "weights_format": Option(1, "b"), "keep_num_dims": Option(2, "?")}


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
    _, zero_out = node.scale(node.output())
    low, high = node.clamp_range()
    constants = _channel_constants(node, weights.astype(np.int64), low - zero_out, high - zero_out)
    return [
        Call(
            name=node.name,
            kernel="stapes_nn_dense",
            form="stapes_nn_dense(&{name}, {in0}, {out}, {scratch});",
            inputs=(node.number(0),),
            output=node.operator.outputs[0],
            struct="stapes_nn_dense_layer",
            fields={
                "rows": rows,
                "in_size": in_size,
                "out_size": out_size,
                "out_zero": zero_out,
                "out_min": low,
                "out_max": high,
                "common_shift": constants.pop("common_shift"),
                "weights": Constant("weights", {layout.macro: layout.dense(weights) for layout in node.layouts}),
                **constants,
            },
            scratch=max(layout.dense_scratch(in_size, out_size) for layout in node.layouts),
            overlap=(None,),
            macs=rows * out_size * in_size,
        )
    ]


def _channel_constants(node: Node, weights: np.ndarray, low: int, high: int) -> dict[str, Field]:
    sums = channel_sums(node, weights)
    channels = []
    for channel, (factor, bound) in enumerate(zip(factors(node, sums.bias.size), sums.bound.tolist(), strict=True)):
        try:
            multiplier, shift = single_rounding(factor, bound, low, high)
        except ArithmeticError as error:
            node.refuse(f"channel {channel}: {error}", "factors that a 31-bit multiplier can stand for")
        values = partial(round_once_array, multiplier=multiplier, shift=shift)
        channels.append(
            common_shift.Channel(int(sums.bias[channel]), multiplier, shift, multiplier * 2.0**-shift, bound, values)
        )
    lowest = bool((weights == -128).any())  # which the sums of two weights in stapes_nn_dense_dsp.c have no room for
    return common_shift.fields(node, channels, possible=not lowest)
