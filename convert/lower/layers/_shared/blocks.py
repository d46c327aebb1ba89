"""What SPACE_TO_DEPTH and DEPTH_TO_SPACE share: NHWC, squares of pixels against channels."""

from stapes.convert.lower.layers._shared.box import expect_elements
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Block, Move, Operation, row_major_strides


def between_space_and_depth(
    node: Node, space: tuple[int, ...], depth: tuple[int, ...], to_depth: bool
) -> list[Operation]:
    """Return the move between a shape [batches, height, width, channels] and that with blocks as channels."""
    expect_elements(node, node.number(0), node.operator.outputs[0])
    (batches, _, _, channels), block = space, space[1] // depth[1]
    # in space: batch, row of blocks, row in a block, column of blocks, column in a block, channel
    in_space = row_major_strides((batches, depth[1], block, depth[2], block, channels))
    in_space = tuple(in_space[axis] for axis in (0, 1, 3, 2, 4, 5))
    shape = (batches, depth[1], depth[2], block, block, channels)
    strides = (in_space, row_major_strides(shape))
    source, target = strides if to_depth else strides[::-1]
    return [Move(node.name, shape, Block(node.number(0), 0, source), Block(node.operator.outputs[0], 0, target))]
