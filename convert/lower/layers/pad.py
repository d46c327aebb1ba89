"""PAD: borders of the output's zero point around the input."""

from stapes.convert.lower.layers._shared.padding import lower_padding
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one PAD: fill the output, then move the input into it."""
    node.expect((2,))
    _, zero_point = node.scale(node.output(), ("int8", "uint8", "int16"))
    return lower_padding(node, zero_point)
