"""REVERSE_V2 along constant axes."""

import numpy as np

from stapes.convert.lower.layers._shared.take import take
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one REVERSE_V2 and return its move."""
    node.expect((2,))
    shape = node.tensor(0).shape
    axes = [node.axis(axis, len(shape)) for axis in node.values(1)]
    if len(set(axes)) != len(axes):
        node.refuse(f"axes {axes}", "each axis once")
    node.expect_shape(shape)
    return take(node, [np.arange(size)[:: -1 if axis in axes else 1] for axis, size in enumerate(shape)])
