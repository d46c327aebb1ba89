"""PRELU: x, or alpha * x below zero; int8 with an alpha that is repeated along some axes.

LiteRT rounds x twice with s_in / s_out, and below zero x * alpha twice with s_in * s_alpha / s_out, both formed in
float32.
"""

from stapes.convert.lower.layers._shared import broadcast
from stapes.convert.lower.layers._shared.activations import checked_multiplier
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one PRELU and return its kernel call."""
    node.expect((2,))
    node.expect_shape(node.tensor(0).shape)
    (scale_in, zero_in), (scale_alpha, zero_alpha), (scale_out, zero_out) = (
        node.scale(tensor) for tensor in (node.tensor(0), node.tensor(1), node.output())
    )
    multiplier, shift = checked_multiplier(node, float(scale_in / scale_out), limit=21)
    multiplier_below, shift_below = checked_multiplier(node, float(scale_in * scale_alpha / scale_out), limit=14)
    fields = {
        "multiplier": multiplier,
        "multiplier_below": multiplier_below,
        "shift": shift,
        "shift_below": shift_below,
        "zero_in": zero_in,
        "zero_alpha": zero_alpha,
        "out_zero": zero_out,
    }
    return [broadcast.call(node, "stapes_nn_prelu", fields)]
