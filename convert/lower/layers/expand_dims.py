"""EXPAND_DIMS: the same bytes in another shape."""

from stapes.convert.lower.layers._shared.box import reinterpret
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one EXPAND_DIMS and return its move, which plan/coalesce.py removes."""
    return reinterpret(node)
