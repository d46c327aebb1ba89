"""What SELECT and SELECT_V2 share."""

from stapes.convert.lower.layers._shared import broadcast
from stapes.convert.lower.layers._shared.box import expect_bytes
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower_selection(node: Node) -> list[Operation]:
    """Check condition, a and b, and return the kernel call; the scales are not looked at."""
    node.expect((3,))
    if node.tensor(0).dtype != "bool":
        node.refuse(f"a condition of {node.tensor(0).dtype}", "bool")
    expect_bytes(node, node.number(1), node.number(2), node.operator.outputs[0])
    return [broadcast.call(node, "stapes_nn_select", {}, order=(1, 2, 0))]
