"""What operators are lowered to: kernel calls, moves of blocks, fills.

The planner decides where their tensors lie, the emitter prints each of them as a C statement.
"""

from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

Arrays = dict[str, np.ndarray]  # layout macro -> array; the key "" stands for every layout


@dataclass(frozen=True)
class Constant:
    """An array in flash that belongs to a layer; its C name is the layer's name, an underscore and the suffix."""

    suffix: str
    arrays: Arrays


@dataclass(frozen=True)
class Overlap:
    """How an output may lie over the memory of an input that is not needed afterwards.

    The output starts at least `gap` bytes before the input (a negative gap: up to -gap bytes after it), and the
    distance is a multiple of `stride` bytes.
    """

    gap: int = 0
    stride: int = 1


IN_PLACE = Overlap()

Field = int | np.float32 | tuple[int, ...] | Constant


@dataclass(frozen=True)
class Call:
    """One kernel call. `form` is the C statement with {name} {in0} {in1} {out} {scratch} to be filled in."""

    name: str
    kernel: str
    form: str
    inputs: tuple[int, ...]
    output: int
    struct: str = ""
    fields: dict[str, Field] = field(default_factory=dict)
    constants: tuple[Constant, ...] = ()  # arrays that no member of the struct points to
    scratch: int = 0  # bytes
    overlap: tuple[Overlap | None, ...] = ()  # per input; None: output and input must not overlap
    macs: int = 0
    note: str = ""  # for the table of layers: the size of a window, ...

    @property
    def reads(self) -> tuple[int, ...]:
        """Numbers of the tensors that are read."""
        return self.inputs

    @property
    def writes(self) -> int:
        """Number of the tensor that is written, in whole or in part."""
        return self.output

    def all_constants(self) -> list[Constant]:
        """Return every array of the layer, those of the struct first and in its order."""
        return [value for value in self.fields.values() if isinstance(value, Constant)] + list(self.constants)


@dataclass(frozen=True)
class Block:
    """A strided block of a tensor: the element at which it starts, and its stride in elements along each axis."""

    tensor: int
    offset: int
    strides: tuple[int, ...]


@dataclass(frozen=True)
class Move:
    """Copy `shape` elements of one byte each from one block to another.

    A file of layers/ counts in elements of the tensors; lower.py makes bytes of them.

    `name` is the operator's. `pinned`: the target cannot share memory with the source, since other values lie around
    it from the start.
    """

    name: str
    shape: tuple[int, ...]
    source: Block
    target: Block
    pinned: bool = False

    @property
    def count(self) -> int:
        """Number of elements that are copied."""
        return prod(self.shape)

    @property
    def reads(self) -> tuple[int, ...]:
        """Numbers of the tensors that are read."""
        return (self.source.tensor,)

    @property
    def writes(self) -> int:
        """Number of the tensor that is written, in whole or in part."""
        return self.target.tensor


@dataclass(frozen=True)
class Fill:
    """Set every element of a tensor to one value."""

    name: str
    target: int
    value: int

    @property
    def reads(self) -> tuple[int, ...]:
        """Numbers of the tensors that are read: none."""
        return ()

    @property
    def writes(self) -> int:
        """Number of the tensor that is written."""
        return self.target


Operation = Call | Move | Fill


def copy(name: str, source: int, target: int, count: int) -> Move:
    """Return the move of the first `count` elements of a tensor to the start of another."""
    return Move(name, (count,), Block(source, 0, (1,)), Block(target, 0, (1,)))


def in_bytes(move: Move, width: int) -> Move:
    """Return the move of elements of `width` bytes each as one of bytes."""

    def block(of: Block) -> Block:
        return Block(of.tensor, of.offset * width, (*(stride * width for stride in of.strides), 1))

    return replace(move, shape=(*move.shape, width), source=block(move.source), target=block(move.target))


def row_major_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides, in elements, of a contiguous row-major array."""
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))


def merge_axes(shape: tuple[int, ...], *strides: tuple[int, ...]) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """Drop axes of size 1 and join neighbouring axes that form one axis in every array. At least one axis remains.

    strides: per array, its strides along the axes of `shape`. Returns the new shape and each array's new strides.
    """
    sizes: list[int] = []
    kept: list[list[int]] = []
    for axis, size in enumerate(shape):
        if size == 1:
            continue
        here = [stride[axis] for stride in strides]
        if sizes and all(before == stride * size for before, stride in zip(kept[-1], here, strict=True)):
            sizes[-1] *= size
            kept[-1] = here
        else:
            sizes.append(size)
            kept.append(here)
    if not sizes:
        sizes, kept = [1], [[1] * len(strides)]
    return tuple(sizes), [tuple(row[i] for row in kept) for i in range(len(strides))]


def pad_axes(values: tuple[int, ...], rank: int, value: int) -> tuple[int, ...]:
    """Put `value` in front until there is one entry for each of `rank` axes."""
    return (value,) * (rank - len(values)) + values
