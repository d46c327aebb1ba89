"""RESHAPE, EXPAND_DIMS, SQUEEZE: the same bytes under another shape."""

from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Block, Move, Operation


def lower(node: Node) -> list[Operation]:
    """Check one of them; the move vanishes in passes/places.py. The output's own shape counts, a second input is not
    read.
    """
    node.expect((1, 2))
    given, output = node.tensor(0), node.output()
    if given.count != output.count or given.dtype != output.dtype:
        node.refuse(f"{given.dtype} {list(given.shape)} into {output.dtype} {list(output.shape)}", "the same elements")
    if given.dtype not in ("int8", "uint8"):
        node.refuse(f"tensor {given.name} is {given.dtype}", "int8 or uint8")
    return [Move(node.name, (given.count,), Block(node.number(0), 0, (1,)), Block(node.operator.outputs[0], 0, (1,)))]
