"""GATHER with constant positions along one axis, with any number of batch axes."""

import numpy as np

from stapes.convert.lower.layers._shared.take import take, take_runs
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation, row_major_strides
from stapes.firmware_sim.tflite.schema import Option

OPTIONS = {"axis": Option(0, "i"), "batch_dims": Option(1, "i")}


def lower(node: Node) -> list[Operation]:
    """Check one GATHER and return its move, or its lookup where the positions are irregular."""
    node.expect((2,))
    shape, indices = node.tensor(0).shape, node.tensor(1)
    positions = np.array(node.values(1), np.int64).reshape(indices.shape)
    axis, batch_axes = node.axis(node.option("axis"), len(shape)), node.option("batch_dims")
    batch_axes += positions.ndim if batch_axes < 0 else 0
    if not 0 <= batch_axes <= min(axis, positions.ndim) or shape[:batch_axes] != indices.shape[:batch_axes]:
        node.refuse(
            f"{batch_axes} batch axes of shapes {list(shape)} and {list(indices.shape)}, axis {axis}",
            "equal sizes, before the axis",
        )
    node.expect_shape((*shape[:axis], *indices.shape[batch_axes:], *shape[axis + 1 :]))
    if positions.min() < 0 or positions.max() >= shape[axis]:
        node.refuse(f"positions {positions.min()} to {positions.max()} of {shape[axis]}", "those inside of the input")
    if not batch_axes:
        return take(node, [positions.reshape(-1) if a == axis else np.arange(size) for a, size in enumerate(shape)])
    strides = row_major_strides(shape)
    starts = np.arange(int(np.prod(shape[:axis]))).reshape(*shape[:batch_axes], -1, 1) * shape[axis]
    picked = positions.reshape(*shape[:batch_axes], 1, -1)
    return take_runs(node, ((starts + picked) * strides[axis]).reshape(-1), strides[axis])
