"""What LOGICAL_AND and LOGICAL_OR share: the lesser or the greater of two bytes that are 0 or 1."""

from stapes.convert.lower.layers._shared import broadcast
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower_logic(node: Node, greatest: bool) -> list[Operation]:
    """Check two bool inputs and return the kernel call."""
    node.expect((2,))
    expect_bool(node)
    return [broadcast.call(node, "stapes_nn_extreme", {"greatest": int(greatest)})]


def expect_bool(node: Node) -> None:
    """Refuse inputs and outputs of other types than bool."""
    for number in (*node.operator.inputs, *node.operator.outputs):
        if number >= 0 and node.graph.tensors[number].dtype != "bool":
            node.refuse(f"tensor {node.graph.tensors[number].name} is {node.graph.tensors[number].dtype}", "bool")
