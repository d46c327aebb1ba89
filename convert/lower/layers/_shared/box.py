"""What the operators that only move bytes share."""

from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Block, Move, Operation, copy, row_major_strides


def expect_bytes(node: Node, *numbers: int) -> None:
    """Refuse tensors with more than one byte per element, or of different types."""
    dtypes = {node.graph.tensors[number].dtype for number in numbers}
    if len(dtypes) != 1 or not dtypes <= {"int8", "uint8"}:
        node.refuse(f"types {', '.join(sorted(dtypes))}", "int8 or uint8, the same on both sides")


def expect_elements(node: Node, *numbers: int, supported: tuple[str, ...] = ("int8", "uint8", "int16")) -> None:
    """Refuse tensors of different types, and of others than the quantized ones or those given."""
    dtypes = {node.graph.tensors[number].dtype for number in numbers}
    if len(dtypes) != 1 or not dtypes <= set(supported):
        names = f"{', '.join(supported[:-1])} or {supported[-1]}"
        node.refuse(f"types {', '.join(sorted(dtypes))}", f"{names}, the same on both sides")


def cut(
    node: Node, source: int, begin: tuple[int, ...], strides: tuple[int, ...], target: int, shape: tuple[int, ...]
) -> Move:
    """Return the move of a box inside of `source` to the whole of `target`.

    begin, strides, shape: first position, distance between positions and their count along each axis of the source.
    """
    memory = row_major_strides(node.graph.tensors[source].shape)
    offset = sum(first * stride for first, stride in zip(begin, memory, strict=True))
    taken = tuple(distance * stride for distance, stride in zip(strides, memory, strict=True))
    return Move(node.name, shape, Block(source, offset, taken), Block(target, 0, row_major_strides(shape)))


def paste(node: Node, source: int, target: int, begin: tuple[int, ...], pinned: bool = False) -> Move:
    """Return the move of the whole of `source` to a box inside of `target` that starts at `begin`."""
    shape = node.graph.tensors[source].shape
    memory = row_major_strides(node.graph.tensors[target].shape)
    offset = sum(first * stride for first, stride in zip(begin, memory, strict=True))
    return Move(node.name, shape, Block(source, 0, row_major_strides(shape)), Block(target, offset, memory), pinned)


def reinterpret(node: Node, shape: tuple[int, ...]) -> list[Operation]:
    """Return the move of an operator that gives the same bytes another shape; plan/coalesce.py removes it.

    Positions that ARG_MAX found may have another shape, too.
    """
    node.expect_shape(shape)
    types = ("int8", "uint8", "int16", "int32", "int64")
    expect_elements(node, node.number(0), node.operator.outputs[0], supported=types)
    return [copy(node.name, node.number(0), node.operator.outputs[0], node.tensor(0).count)]
