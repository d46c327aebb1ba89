"""ELU: x, or exp(x) - 1 below zero; int8.

LiteRT computes it in float32, multiplies by 1 / s_out in float32 and rounds with halves away from zero. `BUILTIN_REF`
has no ELU: the referee is LiteRT's only kernel for int8, which BUILTIN_WITHOUT_DEFAULT_DELEGATES has.
The generated C looks it up in a table.
"""

from stapes.convert.lower.layers._shared.activations import lower_float_function
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation
from stapes.convert.lower.real_functions import elu


def lower(node: Node) -> list[Operation]:
    """Check one ELU and return its lookup."""
    return lower_float_function(node, elu)
