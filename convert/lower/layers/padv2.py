"""PADV2: borders of a constant value around the input."""

from stapes.convert.lower.layers._shared.padding import lower_padding
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one PADV2: fill the output, then move the input into it."""
    node.expect((3,))
    node.scale(node.output(), ("int8", "uint8", "int16"))
    value = node.tensor(2)
    if value.data is None or value.data.size != 1 or value.dtype != node.output().dtype:
        node.refuse(f"border value {value.name}", f"one constant {node.output().dtype}")
    return lower_padding(node, int(value.data.reshape(-1)[0]))
