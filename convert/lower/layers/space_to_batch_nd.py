"""SPACE_TO_BATCH_ND: positions are dealt out to batches, with borders of the output's zero point around the input.

Around a convolution it makes the convolution a dilated one: passes/dilate.py sees to that, and this file to the rest.
"""

from math import prod

from stapes.convert.lower.layers._shared.batch_blocks import checked_blocks, moves
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Fill, Operation


def lower(node: Node) -> list[Operation]:
    """Check one SPACE_TO_BATCH_ND and return its moves. Inputs 1 and 2: sizes of blocks, two borders for each."""
    blocks, shape = checked_blocks(node), node.tensor(0).shape
    padded = [a + n + b for a, n, b in zip(blocks.before, shape[1:-1], blocks.after, strict=True)]
    if any(size % block for size, block in zip(padded, blocks.sizes, strict=True)):
        node.refuse(f"{padded} positions with borders in blocks of {list(blocks.sizes)}", "whole blocks")
    dealt = (size // block for size, block in zip(padded, blocks.sizes, strict=True))
    node.expect_shape((shape[0] * prod(blocks.sizes), *dealt, shape[-1]))
    output = node.operator.outputs[0]
    borders = [] if blocks.plain else [Fill(node.name, output, node.scale(node.output(), ("int8", "uint8"))[1])]
    return [*borders, *moves(node, blocks, node.number(0), output, pinned=not blocks.plain)]
