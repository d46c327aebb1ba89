"""LOGISTIC: 1 / (1 + exp(-x)) into the scale 1/256.

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
    """Check one LOGISTIC and return its lookup, or the call for int16."""
    if node.tensor(0).dtype == "int16":
        return lower_sigmoid(node, is_tanh=False)
    if node.scale(node.output())[0] != np.float32(1 / 256):
        node.refuse(f"output scale {node.scale(node.output())[0]}", "1/256")
    return lower_float_function(node, lambda x: np.float32(1) / (np.float32(1) + _exp(-x)))


def _exp(x: np.float32) -> np.float32:
    return np.float32(math.exp(float(x))) if x < 88.7 else np.float32(np.inf)
