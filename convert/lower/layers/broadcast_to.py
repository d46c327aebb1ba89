"""BROADCAST_TO a constant shape."""

from stapes.convert.lower.layers._shared.box import expect_elements
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Block, Move, Operation, pad_axes, row_major_strides


def lower(node: Node) -> list[Operation]:
    """Check one BROADCAST_TO and return its move."""
    node.expect((2,))
    shape, wanted = node.tensor(0).shape, tuple(node.values(1))
    sizes = pad_axes(shape, len(wanted), 1)
    if len(sizes) != len(wanted) or any(b < 1 or a not in (1, b) for a, b in zip(sizes, wanted, strict=True)):
        node.refuse(f"shape {list(shape)} to {list(wanted)}", "as many axes or more, of equal sizes where not 1")
    node.expect_shape(wanted)
    expect_elements(node, node.number(0), node.operator.outputs[0])
    strides = tuple(step if size > 1 else 0 for step, size in zip(row_major_strides(sizes), sizes, strict=True))
    target = Block(node.operator.outputs[0], 0, row_major_strides(wanted))
    return [Move(node.name, wanted, Block(node.number(0), 0, strides), target)]
