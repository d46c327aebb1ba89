"""ARG_MAX: where along an axis the greatest code of int8 is, as int32 or int64; the first of equal ones."""

from stapes.convert.lower.layers._shared.position import POSITION_OPTIONS, lower_position
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation

OPTIONS = POSITION_OPTIONS


def lower(node: Node) -> list[Operation]:
    """Check one ARG_MAX and return its kernel call."""
    return lower_position(node, greatest=True)
