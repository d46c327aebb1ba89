"""SPLIT and SPLIT_V along any axis."""

from stapes.convert.lower.layers._shared.box import cut, expect_bytes
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower_split(node: Node) -> list[Operation]:
    """Equal parts; inputs are the axis and the value."""
    _expect(node, 2)
    parts = len(node.operator.outputs)
    size = node.tensor(1).shape[_axis(node, 0, 1)]
    if size % parts:
        node.refuse(f"{size} positions into {parts} parts", "equal parts")
    return _parts(node, 1, _axis(node, 0, 1), [size // parts] * parts)


def lower_split_v(node: Node) -> list[Operation]:
    """Parts of given sizes, one of which may be -1; inputs are the value, the sizes and the axis."""
    _expect(node, 3)
    axis, sizes = _axis(node, 2, 0), node.values(1)
    size = node.tensor(0).shape[axis]
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = size - sum(sizes) - 1
    if len(sizes) != len(node.operator.outputs) or min(sizes, default=0) < 1 or sum(sizes) != size:
        node.refuse(f"{size} positions into parts of {sizes}", "one part per output, at least 1 each")
    return _parts(node, 0, axis, sizes)


def _expect(node: Node, inputs: int) -> None:
    if len(node.operator.inputs) != inputs or not node.operator.outputs:
        node.refuse(
            f"{len(node.operator.inputs)} inputs, {len(node.operator.outputs)} outputs",
            f"{inputs} inputs, some outputs",
        )


def _axis(node: Node, position: int, value: int) -> int:
    axes = node.values(position)
    if len(axes) != 1:
        node.refuse(f"axes {axes}", "one axis")
    return node.axis(axes[0], len(node.tensor(value).shape))


def _parts(node: Node, position: int, axis: int, sizes: list[int]) -> list[Operation]:
    shape = node.tensor(position).shape
    expect_bytes(node, node.number(position), *node.operator.outputs)
    operations: list[Operation] = []
    start = 0
    for part, size in enumerate(sizes):
        box = (*shape[:axis], size, *shape[axis + 1 :])
        node.expect_shape(box, part)
        begin = tuple(start if i == axis else 0 for i in range(len(shape)))
        operations.append(cut(node, node.number(position), begin, (1,) * len(shape), node.operator.outputs[part], box))
        start += size
    return operations
