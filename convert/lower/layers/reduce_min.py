"""REDUCE_MIN over any axes, int8.

LiteRT takes the least code, and requires that input and output have the same scale and zero point.
"""

from stapes.convert.lower.layers._shared.reduction import REDUCTION_OPTIONS, extreme_call
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation

OPTIONS = REDUCTION_OPTIONS


def lower(node: Node) -> list[Operation]:
    """Check one REDUCE_MIN and return its kernel call."""
    return [extreme_call(node, greatest=False)]
