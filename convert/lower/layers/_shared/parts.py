"""What SPLIT, SPLIT_V and UNPACK share."""

from stapes.convert.lower.layers._shared.box import cut, expect_elements
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def expect_parts(node: Node, inputs: int) -> None:
    """Refuse another number of inputs, and an operator without outputs."""
    if len(node.operator.inputs) != inputs or not node.operator.outputs:
        node.refuse(
            f"{len(node.operator.inputs)} inputs, {len(node.operator.outputs)} outputs",
            f"{inputs} inputs, some outputs",
        )


def checked_axis(node: Node, position: int, value: int) -> int:
    """Return the axis that input `position` names in input `value`."""
    axes = node.values(position)
    if len(axes) != 1:
        node.refuse(f"axes {axes}", "one axis")
    return node.axis(axes[0], len(node.tensor(value).shape))


def lower_parts(node: Node, position: int, axis: int, sizes: list[int], drop_axis: bool = False) -> list[Operation]:
    """Return the moves of input `position` to the outputs, which follow each other along the axis.

    drop_axis: the outputs do not have the axis, along which each of them has the size 1.
    """
    shape = node.tensor(position).shape
    expect_elements(node, node.number(position), *node.operator.outputs)
    moves: list[Operation] = []
    start = 0
    for part, size in enumerate(sizes):
        box = (*shape[:axis], size, *shape[axis + 1 :])
        node.expect_shape((*shape[:axis], *shape[axis + 1 :]) if drop_axis else box, part)
        if not size:
            continue
        begin = tuple(start if i == axis else 0 for i in range(len(shape)))
        moves.append(cut(node, node.number(position), begin, (1,) * len(shape), node.operator.outputs[part], box))
        start += size
    return moves
