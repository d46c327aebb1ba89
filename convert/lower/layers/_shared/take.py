"""Operators whose output picks elements of the input by positions that are known when the model is compiled.

Where the positions along each axis are regular, that is a move. Otherwise a kernel looks them up in tables of offsets.
"""

from collections.abc import Sequence
from math import prod

import numpy as np

from stapes.convert.lower.layers._shared.box import expect_elements
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Block, Call, Constant, Move, Operation, merge_axes, row_major_strides

MOST_AXES = 5  # of a move of single bytes
LARGEST_TABLE = 1 << 16  # offsets

_Level = tuple[int, int]  # count, step


def take(node: Node, positions: Sequence[np.ndarray]) -> list[Operation]:
    """Return what forms the output from input 0: along each axis of the input, the positions that the output has there.

    positions: an int array per axis, within the axis. The caller has checked the shape of the output.
    """
    shape = node.tensor(0).shape
    strides = row_major_strides(shape)
    offsets = [np.asarray(p, np.int64) * stride for p, stride in zip(positions, strides, strict=True)]
    regular = _regular(node, offsets)
    if regular:
        return [regular]
    changed = [axis for axis, p in enumerate(positions) if not np.array_equal(p, np.arange(shape[axis]))]
    first, last = changed[0], changed[-1]
    rows = np.zeros(1, np.int64)
    for axis in range(first, last):
        if len(rows) * len(offsets[axis]) > LARGEST_TABLE:
            node.refuse(f"{len(rows)} x {len(offsets[axis])} irregular rows", f"up to {LARGEST_TABLE}")
        rows = (rows[:, None] + offsets[axis]).reshape(-1)
    return [_looked_up(node, prod(shape[:first]), (rows, offsets[last]), strides[last])]


def take_runs(node: Node, offsets: np.ndarray, run: int) -> list[Operation]:
    """Return what forms the output from runs of `run` elements of input 0, one after the other.

    offsets: int64, the element at which each run starts.
    """
    regular = _regular(node, [offsets, np.arange(run)])
    return [regular or _looked_up(node, 1, (np.zeros(1, np.int64), offsets), run)]


def _regular(node: Node, offsets: list[np.ndarray]) -> Move | None:
    """Return the one move whose source has these offsets along its axes; None where they are too irregular."""
    expect_elements(node, node.number(0), node.operator.outputs[0])
    start, sizes, strides = 0, [], []
    for along in offsets:
        levels = _levels(along)
        if levels is None:
            return None
        start += int(along[0])
        sizes += [count for count, _ in levels]
        strides += [step for _, step in levels]
    shape = tuple(sizes)
    target = row_major_strides(shape)
    merged, (source, _) = merge_axes(shape, tuple(strides), target)
    if len(merged) > MOST_AXES + (source[-1] == 1):
        return None
    return Move(
        node.name, shape, Block(node.number(0), start, tuple(strides)), Block(node.operator.outputs[0], 0, target)
    )


def _levels(offsets: np.ndarray) -> list[_Level] | None:
    """Return one or two nested loops that run through the offsets; None where there are none."""
    count = len(offsets)
    if count == 1:
        return [(1, 0)]
    steps = np.diff(offsets)
    others = np.flatnonzero(steps != steps[0])
    if not others.size:
        return [(count, int(steps[0]))]
    inner = int(others[0]) + 1
    if count % inner:
        return None
    table = offsets.reshape(-1, inner)
    outer_steps = np.diff(table[:, 0])
    if (np.diff(table) != steps[0]).any() or (outer_steps != outer_steps[0]).any():
        return None
    return [(len(table), int(outer_steps[0])), (inner, int(steps[0]))]


def _looked_up(node: Node, blocks: int, offsets: tuple[np.ndarray, np.ndarray], run: int) -> Call:
    """Return the call of the kernel that looks up where each run begins, by its row and its column."""
    (rows, columns), width = offsets, node.tensor(0).width
    if len(columns) > LARGEST_TABLE:
        node.refuse(f"{len(columns)} irregular positions", f"up to {LARGEST_TABLE}")
    return Call(
        name=node.name,
        kernel="stapes_nn_take",
        form="stapes_nn_take(&{name}, {in0}, {out});",
        inputs=(node.number(0),),
        output=node.operator.outputs[0],
        struct="stapes_nn_take_layer",
        fields={
            "blocks": blocks,
            "block_stride": node.tensor(0).nbytes // blocks,
            "row_count": len(rows),
            "column_count": len(columns),
            "run": run * width,
            "rows": Constant("rows", {"": (rows * width).astype(np.int32)}),
            "columns": Constant("columns", {"": (columns * width).astype(np.int32)}),
        },
        overlap=(None,),
    )
