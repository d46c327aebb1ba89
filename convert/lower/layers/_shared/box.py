"""What operators that only move bytes share."""

from stapes.convert.lower.node import Node
from stapes.convert.lower.steps import Block, Move, dense_steps


def expect_bytes(node: Node, *numbers: int) -> None:
    """Check that tensors hold one byte per element, all of the same type."""
    dtypes = {node.graph.tensors[number].dtype for number in numbers}
    if len(dtypes) != 1 or not dtypes <= {"int8", "uint8"}:
        node.refuse(f"types {', '.join(sorted(dtypes))}", "int8 or uint8, the same on both sides")


def cut(
    node: Node, source: int, begin: tuple[int, ...], strides: tuple[int, ...], target: int, shape: tuple[int, ...]
) -> Move:
    """Return the move of a box inside of `source` to the whole of `target`; `shape` has as many axes as the source."""
    steps = dense_steps(node.graph.tensors[source].shape)
    offset = sum(first * step for first, step in zip(begin, steps, strict=True))
    stepped = tuple(stride * step for stride, step in zip(strides, steps, strict=True))
    return Move(node.name, shape, Block(source, offset, stepped), Block(target, 0, dense_steps(shape)))


def paste(node: Node, source: int, target: int, begin: tuple[int, ...], pinned: bool = False) -> Move:
    """Return the move of the whole of `source` to a box inside of `target`."""
    shape = node.graph.tensors[source].shape
    steps = dense_steps(node.graph.tensors[target].shape)
    offset = sum(first * step for first, step in zip(begin, steps, strict=True))
    return Move(node.name, shape, Block(source, 0, dense_steps(shape)), Block(target, offset, steps), pinned)
