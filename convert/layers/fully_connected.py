"""FULLY_CONNECTED: int8, per tensor or per channel; rounds once."""

import numpy as np

from stapes.convert.arithmetic import single_rounding
from stapes.convert.layers.convolution import checked_weights, factors, folded_bias
from stapes.convert.node import Node
from stapes.convert.steps import Call, Constant, Step


def lower(node: Node) -> list[Step]:
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
                "weights": Constant("weights", {layout.macro: layout.dense(weights) for layout in node.layouts}),
                **_channel_constants(node, weights.astype(np.int64), low - zero_out, high - zero_out),
            },
            scratch=max(layout.dense_scratch(in_size, out_size) for layout in node.layouts),
            overlap=(None,),
            macs=rows * out_size * in_size,
        )
    ]


def _channel_constants(node: Node, weights: np.ndarray, low: int, high: int) -> dict[str, Constant]:
    sizes = np.abs(weights).sum(axis=1)
    bias, _ = folded_bias(node, weights.sum(axis=1), sizes)
    multipliers, shifts = [], []
    for channel, factor in enumerate(factors(node, bias.size)):
        bound = abs(int(bias[channel])) + 128 * int(sizes[channel])
        try:
            multiplier, shift = single_rounding(factor, bound, low, high)
        except ArithmeticError as error:
            node.refuse(f"channel {channel}: {error}", "factors that a 31-bit multiplier can stand for")
        multipliers.append(multiplier)
        shifts.append(shift)
    return {
        "bias": Constant("bias", {"": bias.astype(np.int32)}),
        "multiplier": Constant("multiplier", {"": np.array(multipliers, np.int32)}),
        "shift": Constant("shift", {"": np.array(shifts, np.int8)}),
    }
