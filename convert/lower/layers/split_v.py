"""SPLIT_V into parts of given sizes along any axis."""

from stapes.convert.lower.layers._shared.parts import checked_axis, expect_parts, lower_parts
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one SPLIT_V and return a move per part.

    Its inputs are the value, the sizes, of which one may be -1 for the rest, and the axis.
    """
    expect_parts(node, inputs=3)
    axis, sizes = checked_axis(node, 2, 0), node.values(1)
    size = node.tensor(0).shape[axis]
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = size - sum(sizes) - 1
    if len(sizes) != len(node.operator.outputs) or min(sizes, default=-1) < 0 or sum(sizes) != size:
        node.refuse(f"{size} positions into parts of {sizes}", "one part per output, at least 0 each")
    return lower_parts(node, 0, axis, sizes)
