"""What operators become: calls of kernels, moves of blocks, fills. The memory plan places their tensors, the emitter
prints them.
"""

from dataclasses import dataclass, field
from math import prod

import numpy as np

Arrays = dict[str, np.ndarray]  # by the layout's macro; "" is for every layout


@dataclass(frozen=True)
class Constant:
    """An array in flash that belongs to a layer."""

    suffix: str
    arrays: Arrays
    what: str = ""


@dataclass(frozen=True)
class Overlap:
    """Where an output may lie over an input that dies: it starts `gap` bytes or more before the input, a multiple of
    `stride` before it.
    """

    gap: int = 0
    stride: int = 1


IN_PLACE = Overlap()

Field = int | tuple[int, ...] | Constant


@dataclass(frozen=True)
class Call:
    """One kernel call: `form` is the C statement, with {name} {in0} {in1} {out} {scratch} to be filled in."""

    name: str
    kernel: str
    form: str
    inputs: tuple[int, ...]
    output: int
    struct: str = ""
    fields: dict[str, Field] = field(default_factory=dict)
    constants: tuple[Constant, ...] = ()  # beside those in fields
    scratch: int = 0
    overlap: tuple[Overlap | None, ...] = ()  # per input; None: apart
    macs: int = 0
    note: str = ""

    def all_constants(self) -> list[Constant]:
        """Every array of the layer, in the order of its struct."""
        return [value for value in self.fields.values() if isinstance(value, Constant)] + list(self.constants)


@dataclass(frozen=True)
class Block:
    """A box of elements inside of a tensor: where it starts, and the step along each axis of the box."""

    tensor: int
    offset: int
    steps: tuple[int, ...]


@dataclass(frozen=True)
class Move:
    """Copy a box of `shape` elements of one byte. `name` is the operator's; `pinned`: the target cannot hold the source
    from the start.
    """

    name: str
    shape: tuple[int, ...]
    source: Block
    target: Block
    pinned: bool = False

    @property
    def count(self) -> int:
        """Elements moved."""
        return prod(self.shape)


@dataclass(frozen=True)
class Fill:
    """Set every element of a tensor."""

    name: str
    target: int
    value: int


Step = Call | Move | Fill


def dense_steps(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Steps of a row-major array."""
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))


def merge_axes(shape: tuple[int, ...], *steps: tuple[int, ...]) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """Drop axes of size 1 and join neighbours that every array steps through as one; returns at least one axis."""
    sizes: list[int] = []
    kept: list[list[int]] = []
    for axis, size in enumerate(shape):
        if size == 1:
            continue
        here = [step[axis] for step in steps]
        if sizes and all(before == step * size for before, step in zip(kept[-1], here, strict=True)):
            sizes[-1] *= size
            kept[-1] = here
        else:
            sizes.append(size)
            kept.append(here)
    if not sizes:
        sizes, kept = [1], [[1] * len(steps)]
    return tuple(sizes), [tuple(row[i] for row in kept) for i in range(len(steps))]


def pad_axes(values: tuple[int, ...], rank: int, value: int) -> tuple[int, ...]:
    """Put axes in front until there are `rank`."""
    return (value,) * (rank - len(values)) + values
