"""SQUARED_DIFFERENCE: (a - b)^2, int8 with broadcasting.

LiteRT rounds inputs * 2^7 twice with s / (2 max(s_a, s_b)), and the square of their difference twice with
(2 max(s_a, s_b))^2 / (2^14 s_out), formed in double.
"""

from stapes.convert.lower.arithmetic import quantize_multiplier
from stapes.convert.lower.layers._shared import broadcast
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one SQUARED_DIFFERENCE and return its kernel call."""
    node.expect((2,))
    (scale_a, zero_a), (scale_b, zero_b), (scale_out, zero_out) = (
        node.scale(tensor) for tensor in (node.tensor(0), node.tensor(1), node.output())
    )
    twice = 2.0 * max(float(scale_a), float(scale_b))
    factor = twice * twice / ((1 << 14) * float(scale_out))
    if not 0 < factor < 1 or quantize_multiplier(factor)[1] > 0:
        node.refuse(
            f"scales {scale_a} and {scale_b} into {scale_out}",
            "an output scale above 2^-12 times the square of the larger input scale",
        )
    factors = broadcast.three_factors(float(scale_a) / twice, float(scale_b) / twice, factor)
    zeros = {"zero_a": zero_a, "zero_b": zero_b, "out_zero": zero_out}
    return [broadcast.call(node, "stapes_nn_squared_difference", factors | zeros)]
