"""LOG of int8.

LiteRT computes it in float32, multiplies by 1 / s_out in float32 and rounds with halves away from zero; zero and below
become the lowest code. The generated C looks it up in a table.
"""

import math

import numpy as np

from stapes.convert.lower.layers._shared.activations import lower_float_function
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one LOG and return its lookup."""
    scale_out, zero_out = node.scale(node.output())
    lowest = np.float32(-128 - zero_out) * scale_out
    return lower_float_function(node, lambda x: np.float32(math.log(float(x))) if x > 0 else lowest)
