"""MAX_POOL_2D: int8 NHWC.

LiteRT takes the largest value of the window; it does not look at scales.
"""

from stapes.convert.lower.layers._shared.pooling import POOL_OPTIONS, lower_pool
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation

OPTIONS = POOL_OPTIONS


def lower(node: Node) -> list[Operation]:
    """Check one MAX_POOL_2D and return its kernel call."""
    return lower_pool(node, "stapes_nn_max_pool")
