"""RELU_0_TO_1: min(max(x, 0), 1).

LiteRT rounds twice with s_in / s_out, formed in float32.
The generated C looks it up in a table.
"""

from stapes.convert.lower.layers._shared.activations import lower_relu
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one RELU_0_TO_1 and return its lookup."""
    return lower_relu(node, most=1.0)
