"""TRANSPOSE: any order of axes."""

from stapes.convert.lower.layers._shared.box import expect_elements
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Block, Move, Operation, row_major_strides


def lower(node: Node) -> list[Operation]:
    """Check one TRANSPOSE and return its move."""
    node.expect((2,))
    shape = node.tensor(0).shape
    order = [axis % len(shape) if -len(shape) <= axis < len(shape) else -1 for axis in node.values(1)]
    if sorted(order) != list(range(len(shape))):
        node.refuse(f"order {node.values(1)} of {len(shape)} axes", "each axis once")
    target = tuple(shape[axis] for axis in order)
    node.expect_shape(target)
    expect_elements(node, node.number(0), node.operator.outputs[0])
    strides = row_major_strides(shape)
    source = Block(node.number(0), 0, tuple(strides[axis] for axis in order))
    return [Move(node.name, target, source, Block(node.operator.outputs[0], 0, row_major_strides(target)))]
