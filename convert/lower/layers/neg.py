"""NEG of int8.

LiteRT negates the code, whatever scale and zero point are; -128 stays -128.
The generated C looks it up in a table.
"""

from stapes.convert.lower.layers._shared.lookup import lower_lookup
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one NEG and return its lookup."""
    (_, zero_in), (_, zero_out) = node.scale(node.tensor(0)), node.scale(node.output())
    if zero_in or zero_out or not node.same_scale(node.tensor(0), node.output()):
        node.warn(
            "LiteRT's reference kernel negates codes without their scale and zero point, and the C gives its bits: the "
            "result is right only where input and output have the same scale and the zero point 0"
        )
    return lower_lookup(node, lambda q: -q if q > -128 else -128)
