"""What PAD and PADV2 share."""

from stapes.convert.lower.layers._shared.box import expect_elements, paste
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Fill, Operation


def lower_padding(node: Node, value: int) -> list[Operation]:
    """Check shapes and borders (input 1), and return the fill of the output with `value` and the move into it."""
    shape, borders = node.tensor(0).shape, node.values(1)
    if len(borders) != 2 * len(shape) or min(borders, default=0) < 0:
        node.refuse(f"borders {borders} of shape {list(shape)}", "two per axis, 0 or more")
    before, after = tuple(borders[0::2]), tuple(borders[1::2])
    node.expect_shape(tuple(a + size + b for a, size, b in zip(before, shape, after, strict=True)))
    expect_elements(node, node.number(0), node.operator.outputs[0])
    if node.output().width > 1 and value:
        node.refuse(f"the value {value} around {node.output().dtype}", "0, or int8 or uint8")
    return [
        Fill(node.name, node.operator.outputs[0], value),
        paste(node, node.number(0), node.operator.outputs[0], before, pinned=True),
    ]
