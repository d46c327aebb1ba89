"""SPACE_TO_DEPTH: the pixels of a square become channels, NHWC."""

from stapes.convert.lower.layers._shared.blocks import between_space_and_depth
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation
from stapes.firmware_sim.tflite.schema import Option

OPTIONS = {"block_size": Option(0, "i")}


def lower(node: Node) -> list[Operation]:
    """Check one SPACE_TO_DEPTH and return its move."""
    node.expect((1,))
    shape, block = node.tensor(0).shape, node.option("block_size")
    if len(shape) != 4 or block < 1 or shape[1] % block or shape[2] % block:
        node.refuse(f"input {list(shape)} in squares of {block}", "four axes, whole squares")
    depth = (shape[0], shape[1] // block, shape[2] // block, block * block * shape[3])
    node.expect_shape(depth)
    return between_space_and_depth(node, shape, depth, to_depth=True)
