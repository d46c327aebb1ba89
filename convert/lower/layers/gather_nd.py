"""GATHER_ND with constant positions."""

import numpy as np

from stapes.convert.lower.layers._shared.take import take_runs
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation, row_major_strides


def lower(node: Node) -> list[Operation]:
    """Check one GATHER_ND and return its move, or its lookup where the positions are irregular."""
    node.expect((2,))
    shape, indices = node.tensor(0).shape, node.tensor(1).shape
    depth = indices[-1] if indices else 0
    positions = np.array(node.values(1), np.int64).reshape(-1, max(depth, 1))
    if not 1 <= depth <= len(shape) or not positions.size:
        node.refuse(f"positions {list(indices)} in shape {list(shape)}", "at least one, of 1 to as many axes")
    node.expect_shape((*indices[:-1], *shape[depth:]))
    if positions.min() < 0 or (positions >= shape[:depth]).any():
        node.refuse(f"positions outside of {list(shape[:depth])}", "those inside of the input")
    strides = row_major_strides(shape)
    return take_runs(node, positions @ np.array(strides[:depth], np.int64), strides[depth - 1])
