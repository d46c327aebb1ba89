"""What MAXIMUM and MINIMUM share."""

from stapes.convert.lower.layers._shared import broadcast
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower_extreme(node: Node, greatest: bool) -> list[Operation]:
    """Check two int8 inputs and return the kernel call that takes the greater or the lesser code."""
    node.expect((2,))
    for tensor in (node.tensor(0), node.tensor(1), node.output()):
        node.scale(tensor)
    return [broadcast.call(node, "stapes_nn_extreme", {"greatest": int(greatest)})]
