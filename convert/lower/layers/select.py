"""SELECT: a where the condition holds, otherwise b; int8 or uint8.

LiteRT copies codes; it does not look at scales. All shapes are the same, or the condition is one value.
"""

from stapes.convert.lower.layers._shared.selection import lower_selection
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one SELECT and return its kernel call."""
    node.expect((3,))
    condition, a, b = (node.tensor(position).shape for position in range(3))
    if a != b or condition not in ((), a):
        node.refuse(f"shapes {list(condition)}, {list(a)} and {list(b)}", "equal shapes, or a condition of one value")
    return lower_selection(node)
