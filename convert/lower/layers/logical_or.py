"""LOGICAL_OR: whether one of the inputs holds; bool with broadcasting."""

from stapes.convert.lower.layers._shared.logic import lower_logic
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one LOGICAL_OR and return its kernel call."""
    return lower_logic(node, greatest=True)
