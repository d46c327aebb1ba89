"""ABS of int8.

LiteRT rounds |x| twice with s_in / s_out, formed in float32; where the scales are equal it does not multiply.
The generated C looks it up in a table.
"""

from stapes.convert.lower.arithmetic import round_twice
from stapes.convert.lower.layers._shared.activations import checked_multiplier
from stapes.convert.lower.layers._shared.lookup import lower_lookup
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one ABS and return its lookup."""
    scale_in, zero_in = node.scale(node.tensor(0))
    scale_out, zero_out = node.scale(node.output())
    if scale_in == scale_out:
        return lower_lookup(node, lambda q: abs(q - zero_in) + zero_out)
    multiplier, shift = checked_multiplier(node, float(scale_in / scale_out))
    return lower_lookup(node, lambda q: round_twice(abs(q - zero_in), multiplier, shift) + zero_out)
