"""GELU: x times the share of the normal distribution below x; exact by erfc, or approximated by tanh. int8.

LiteRT computes it in float32, multiplies by 1 / s_out in float32 and rounds with halves away from zero.
The generated C looks it up in a table.
"""

import math

import numpy as np

from stapes.convert.lower.layers._shared.activations import lower_float_function
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation
from stapes.firmware_sim.tflite.schema import Option

OPTIONS = {"approximate": Option(0, "?")}

_HALF, _ONE, _CUBIC = np.float32(0.5), np.float32(1), np.float32(0.044715)
_ROOT_OF_HALF, _ROOT_OF_2_BY_PI = np.float32(math.sqrt(0.5)), np.float32(math.sqrt(2 / math.pi))


def lower(node: Node) -> list[Operation]:
    """Check one GELU and return its lookup."""
    return lower_float_function(node, _approximate if node.option("approximate") else _exact)


def _exact(x: np.float32) -> np.float32:
    return _HALF * x * np.float32(math.erfc(float(x * -_ROOT_OF_HALF)))


def _approximate(x: np.float32) -> np.float32:
    inner = _ROOT_OF_2_BY_PI * (x + _CUBIC * x * x * x)
    return _HALF * x * (_ONE + np.float32(math.tanh(float(inner))))
