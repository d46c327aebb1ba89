"""DEPTH_TO_SPACE: channels become the pixels of a square, NHWC."""

from stapes.convert.lower.layers._shared.blocks import between_space_and_depth
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation
from stapes.firmware_sim.tflite.schema import Option

OPTIONS = {"block_size": Option(0, "i")}


def lower(node: Node) -> list[Operation]:
    """Check one DEPTH_TO_SPACE and return its move."""
    node.expect((1,))
    shape, block = node.tensor(0).shape, node.option("block_size")
    if len(shape) != 4 or not 1 <= block <= shape[3] or shape[3] % (block * block):
        node.refuse(f"input {list(shape)} into squares of {block}", "four axes, channels in whole squares")
    space = (shape[0], shape[1] * block, shape[2] * block, shape[3] // (block * block))
    node.expect_shape(space)
    return between_space_and_depth(node, space, shape, to_depth=False)
