"""BATCH_TO_SPACE_ND: batches take turns in giving positions; borders of the result are cropped.

Around a convolution it makes the convolution a dilated one: passes/dilate.py sees to that, and this file to the rest.
"""

from math import prod

from stapes.convert.lower.layers._shared.batch_blocks import checked_blocks, moves
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one BATCH_TO_SPACE_ND and return its moves. Inputs 1 and 2: sizes of blocks, two crops for each."""
    blocks, shape = checked_blocks(node), node.tensor(0).shape
    sides = zip(shape[1:-1], blocks.sizes, blocks.before, blocks.after, strict=True)
    sizes = [size * block - before - after for size, block, before, after in sides]
    if shape[0] % prod(blocks.sizes) or min(sizes) < 1:
        node.refuse(
            f"shape {list(shape)} in blocks of {list(blocks.sizes)}, of which {sizes} positions are left",
            "whole blocks of batches, and crops that leave something",
        )
    node.expect_shape((shape[0] // prod(blocks.sizes), *sizes, shape[-1]))
    return [*moves(node, blocks, node.operator.outputs[0], node.number(0), pinned=False)]
