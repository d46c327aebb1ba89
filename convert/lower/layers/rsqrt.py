"""RSQRT: 1 / sqrt(x); int8.

LiteRT finds 1 / sqrt(code) by Newton's method in fixed point, with 20 fractional bits, and rounds it twice with
1 / (sqrt(s_in) * s_out), whose divisor is formed in float32. Zero becomes the highest code. LiteRT stops with an error
at an input below zero; there the generated C gives the highest code, too.
The generated C looks it up in a table.
"""

import math

import numpy as np

from stapes.convert.lower.arithmetic import inverse_square_root, quantize_multiplier, round_twice
from stapes.convert.lower.layers._shared.lookup import lower_lookup
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation

FRACTION = 20  # bits of 1 / sqrt(code)


def lower(node: Node) -> list[Operation]:
    """Check one RSQRT and return its lookup."""
    scale_in, zero_in = node.scale(node.tensor(0))
    scale_out, zero_out = node.scale(node.output())
    divisor = float(np.sqrt(scale_in) * scale_out)
    multiplier, shift = quantize_multiplier(1.0 / divisor) if 0 < divisor < math.inf else (0, 31)
    if not FRACTION - 31 <= shift <= FRACTION + 9:  # 1 / sqrt(1) is 2^20, and 2^20 << 9 stays within int32
        node.refuse(f"scales {scale_in} into {scale_out}", "results between 2^-12 and 2^29 output scales")

    def value(q: int) -> int:
        if q <= zero_in:
            return 127
        inverse, power = inverse_square_root(q - zero_in)
        return round_twice(round_twice(1, inverse, power + FRACTION), multiplier, shift - FRACTION) + zero_out

    return lower_lookup(node, value)
