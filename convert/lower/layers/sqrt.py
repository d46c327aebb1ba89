"""SQRT of int8.

LiteRT computes it in float32, divides by s_out in float32 and cuts off the fraction. It stops with an error at an input
below zero; there the generated C gives the root of zero. The generated C looks it up in a table.
"""

import numpy as np

from stapes.convert.lower.layers._shared.lookup import lower_lookup
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one SQRT and return its lookup."""
    scale_in, zero_in = node.scale(node.tensor(0))
    scale_out, zero_out = node.scale(node.output())

    def value(q: int) -> int:
        root = float(np.sqrt(scale_in * np.float32(max(q - zero_in, 0))) / scale_out)
        if not root < 1 << 30:  # LiteRT converts it to int32
            node.refuse(f"output scale {scale_out}, in which a root is {root}", "scales with finite roots < 2^30")
        return int(root) + zero_out

    return lower_lookup(node, value)
