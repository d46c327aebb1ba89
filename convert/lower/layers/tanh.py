"""TANH: the hyperbolic tangent.

LiteRT computes it in float32, multiplies by 1 / s_out in float32 and rounds with halves away from zero.
The generated C looks it up in a table.
"""

import math

import numpy as np

from stapes.convert.lower.layers._shared.activations import lower_float_function
from stapes.convert.lower.layers._shared.sigmoid_16 import lower_sigmoid
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one TANH and return its lookup, or the call for int16."""
    if node.tensor(0).dtype == "int16":
        return lower_sigmoid(node, is_tanh=True)
    return lower_float_function(node, lambda x: np.float32(math.tanh(float(x))))
