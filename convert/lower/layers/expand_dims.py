"""EXPAND_DIMS: the same bytes with one more axis, of size 1."""

from stapes.convert.lower.layers._shared.box import reinterpret
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one EXPAND_DIMS and return its move, which plan/coalesce.py removes."""
    node.expect((2,))
    shape, axes = node.tensor(0).shape, node.values(1)
    if len(axes) != 1:
        node.refuse(f"axes {axes}", "one axis")
    axis = node.axis(axes[0], len(shape) + 1)
    return reinterpret(node, (*shape[:axis], 1, *shape[axis:]))
