"""PAD with the zero point, PADV2 with a constant."""

from stapes.convert.lower.layers._shared.box import expect_bytes, paste
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Fill, Operation


def lower(node: Node) -> list[Operation]:
    """Check one PAD or PADV2: fill the output, then move the input into it."""
    node.expect((2,) if node.operator.kind == "PAD" else (3,))
    shape, borders = node.tensor(0).shape, node.values(1)
    if len(borders) != 2 * len(shape) or min(borders, default=0) < 0:
        node.refuse(f"borders {borders} of shape {list(shape)}", "two per axis, 0 or more")
    before, after = tuple(borders[0::2]), tuple(borders[1::2])
    node.expect_shape(tuple(a + size + b for a, size, b in zip(before, shape, after, strict=True)))
    expect_bytes(node, node.number(0), node.operator.outputs[0])
    _, value = node.scale(node.output(), ("int8", "uint8"))
    if node.operator.kind == "PADV2":
        given = node.tensor(2).data
        if given is None or given.size != 1 or node.tensor(2).dtype != node.output().dtype:
            node.refuse(f"border value {node.tensor(2).name}", f"one constant {node.output().dtype}")
        value = int(given.reshape(-1)[0])
    return [
        Fill(node.name, node.operator.outputs[0], value),
        paste(node, node.number(0), node.operator.outputs[0], before, pinned=True),
    ]
