"""SELECT_V2: a where the condition holds, otherwise b; int8 or uint8, with broadcasting.

LiteRT copies codes; it does not look at scales.
"""

from stapes.convert.lower.layers._shared.selection import lower_selection
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one SELECT_V2 and return its kernel call."""
    return lower_selection(node)
