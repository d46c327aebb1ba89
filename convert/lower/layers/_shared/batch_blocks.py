"""What SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND share: positions in space that are dealt out to batches in turn.

With blocks of B positions, position s = i * B + b - offset in space is position i of batch b. The offset is what
SPACE_TO_BATCH_ND pads in front, or what BATCH_TO_SPACE_ND crops there.
"""

from dataclasses import dataclass
from itertools import product
from math import prod

from stapes.convert.lower.layers._shared.box import expect_bytes
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Block, Move, row_major_strides

MOST_MOVES = 64


@dataclass(frozen=True)
class Blocks:
    """For each axis between the first and the last: the size of blocks, what is padded or cropped on both sides."""

    sizes: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    @property
    def plain(self) -> bool:
        """Whether nothing is padded or cropped."""
        return not any(self.before) and not any(self.after)


def checked_blocks(node: Node) -> Blocks:
    """Return what inputs 1 and 2 say, as far as LiteRT takes it: blocks along one of three, or two of four axes."""
    node.expect((3,))
    shape, sizes, borders = node.tensor(0).shape, node.values(1), node.values(2)
    expect_bytes(node, node.number(0), node.operator.outputs[0])
    if not node.same_scale(node.tensor(0), node.output()):
        node.refuse("input and output differ in scale or zero point", "the same for both, as the reference kernels ask")
    if len(shape) not in (3, 4) or len(sizes) != len(shape) - 2 or len(borders) != 2 * len(sizes):
        node.refuse(
            f"blocks {sizes} with borders {borders} of shape {list(shape)}",
            "3 or 4 axes, a block for each but the first and the last, and two borders per block",
        )
    if min(sizes) < 1 or min(borders) < 0:
        node.refuse(f"blocks {sizes} with borders {borders}", "blocks of 1 or more, borders of 0 or more")
    return Blocks(tuple(sizes), tuple(borders[0::2]), tuple(borders[1::2]))


def moves(node: Node, blocks: Blocks, space: int, batches: int, pinned: bool) -> list[Move]:
    """Return the moves between tensor `space` and tensor `batches`; the output of the node is one of them."""
    if blocks.plain:
        return [_whole(node, blocks, space, batches)]
    if prod(blocks.sizes) > MOST_MOVES:
        node.refuse(
            f"blocks {list(blocks.sizes)} with borders {list(blocks.before)} and {list(blocks.after)}",
            f"borders around blocks of up to {MOST_MOVES} positions",
        )
    parts = (_part(node, blocks, space, batches, place) for place in product(*map(range, blocks.sizes)))
    return [_toward_output(node, *part, pinned) for part in parts if part is not None]


def _whole(node: Node, blocks: Blocks, space: int, batches: int) -> Move:
    """Return the one move of everything: axes are the places within a block, the batch, the blocks, the channel."""
    shape = node.graph.tensors[space].shape
    dealt = tuple(size // block for size, block in zip(shape[1:-1], blocks.sizes, strict=True))
    order = (*blocks.sizes, shape[0], *dealt, shape[-1])
    first, *along, last = row_major_strides(shape)
    steps = tuple(stride * block for stride, block in zip(along, blocks.sizes, strict=True))
    return _toward_output(
        node, order, Block(space, 0, (*along, first, *steps, last)), Block(batches, 0, row_major_strides(order)), False
    )


def _part(
    node: Node, blocks: Blocks, space: int, batches: int, place: tuple[int, ...]
) -> tuple[tuple[int, ...], Block, Block] | None:
    """Return shape and both sides of what one place within the blocks holds; None where all of it lies outside."""
    inside, outside = node.graph.tensors[space].shape, node.graph.tensors[batches].shape
    first, *along, last = row_major_strides(inside)
    first_dealt, *along_dealt, last_dealt = row_major_strides(outside)
    number = 0
    for within, block in zip(place, blocks.sizes, strict=True):
        number = number * block + within
    offset, offset_dealt, counts = 0, number * inside[0] * first_dealt, []
    for axis, (within, block, before) in enumerate(zip(place, blocks.sizes, blocks.before, strict=True)):
        begin = max(0, -(-(before - within) // block))
        end = min(outside[axis + 1], -(-(before + inside[axis + 1] - within) // block))
        counts.append(end - begin)
        offset += (begin * block + within - before) * along[axis]
        offset_dealt += begin * along_dealt[axis]
    if min(counts) < 1:
        return None
    steps = tuple(stride * block for stride, block in zip(along, blocks.sizes, strict=True))
    return (
        (inside[0], *counts, inside[-1]),
        Block(space, offset, (first, *steps, last)),
        Block(batches, offset_dealt, (first_dealt, *along_dealt, last_dealt)),
    )


def _toward_output(node: Node, shape: tuple[int, ...], space: Block, batches: Block, pinned: bool) -> Move:
    source, target = (space, batches) if batches.tensor == node.operator.outputs[0] else (batches, space)
    return Move(node.name, shape, source, target, pinned)
