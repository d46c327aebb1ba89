"""MINIMUM: int8 with broadcasting.

LiteRT takes the lesser code; it does not look at scales.
"""

from stapes.convert.lower.layers._shared.extremes import lower_extreme
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one MINIMUM and return its kernel call."""
    return lower_extreme(node, greatest=False)
