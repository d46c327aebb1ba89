"""SPLIT into equal parts along any axis."""

from stapes.convert.lower.layers._shared.parts import checked_axis, expect_parts, lower_parts
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one SPLIT, whose inputs are the axis and the value, and return a move per part."""
    expect_parts(node, inputs=2)
    axis, parts = checked_axis(node, 0, 1), len(node.operator.outputs)
    size = node.tensor(1).shape[axis]
    if size % parts:
        node.refuse(f"{size} positions into {parts} parts", "equal parts")
    return lower_parts(node, 1, axis, [size // parts] * parts)
