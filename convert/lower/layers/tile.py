"""TILE: constant numbers of repetitions along each axis."""

import numpy as np

from stapes.convert.lower.layers._shared.take import take
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one TILE and return its move."""
    node.expect((2,))
    shape, times = node.tensor(0).shape, node.values(1)
    if len(times) != len(shape) or min(times, default=1) < 1:
        node.refuse(f"{times} repetitions of {list(shape)}", "one number per axis, at least 1")
    node.expect_shape(tuple(size * repeated for size, repeated in zip(shape, times, strict=True)))
    return take(node, [np.tile(np.arange(size), repeated) for size, repeated in zip(shape, times, strict=True)])
