"""SLICE: a box of the input."""

from stapes.convert.lower.layers._shared.box import cut, expect_elements
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one SLICE and return its move. Inputs 1 and 2: begin and size per axis, where -1 reaches to the end."""
    node.expect((3,))
    shape, begin, sizes = node.tensor(0).shape, node.values(1), node.values(2)
    if not len(begin) == len(sizes) == len(shape):
        node.refuse(f"begin {begin} and size {sizes} of shape {list(shape)}", "one of each per axis")
    box = tuple(end - first if size == -1 else size for first, size, end in zip(begin, sizes, shape, strict=True))
    if any(first < 0 or size < 1 or first + size > end for first, size, end in zip(begin, box, shape, strict=True)):
        node.refuse(f"begin {begin} and size {sizes} of shape {list(shape)}", "boxes inside of the tensor")
    node.expect_shape(box)
    expect_elements(node, node.number(0), node.operator.outputs[0])
    return [cut(node, node.number(0), tuple(begin), (1,) * len(shape), node.operator.outputs[0], box)]
