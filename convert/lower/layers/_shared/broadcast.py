"""What operators on two inputs share: loops over at most four axes, with a stride of 0 where an input is repeated."""

from collections.abc import Mapping
from math import prod

from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import IN_PLACE, Call, Field, Overlap, merge_axes, pad_axes, row_major_strides


def call(node: Node, kernel: str, fields: Mapping[str, Field]) -> Call:
    """Return the kernel call of a checked operator; fields: the members of its struct after those of the loops."""
    loops, overlap = _loops(node)
    return Call(
        name=node.name,
        kernel=kernel,
        form=kernel + "(&{name}, {in0}, {in1}, {out});",
        inputs=(node.number(0), node.number(1)),
        output=node.operator.outputs[0],
        struct=f"{kernel}_layer",
        fields={**loops, **fields},
        overlap=overlap,
    )


def clamped_call(node: Node, kernel: str, factors: Mapping[str, int]) -> Call:
    """Return the call of an operator with a fused activation; factors: the members that are about scales."""
    low, high = node.clamp_range()
    return call(node, kernel, {**factors, "out_min": low, "out_max": high})


def _loops(node: Node) -> tuple[dict[str, Field], tuple[Overlap | None, ...]]:
    """Return the fields shape, stride_a, stride_b, and the overlap per input; a repeated one may not be overlapped."""
    a, b = node.tensor(0).shape, node.tensor(1).shape
    rank = max(len(a), len(b))
    shapes = pad_axes(a, rank, 1), pad_axes(b, rank, 1)
    if any(x != y and 1 not in (x, y) for x, y in zip(*shapes, strict=True)):
        node.refuse(f"shapes {list(a)} and {list(b)}", "equal sizes, or 1, along each axis")
    out = tuple(max(x, y) for x, y in zip(*shapes, strict=True))
    node.expect_shape(out)
    strides = [
        tuple(step if size > 1 else 0 for step, size in zip(row_major_strides(shape), shape, strict=True))
        for shape in shapes
    ]
    shape, (stride_a, stride_b) = merge_axes(out, *strides)
    if len(shape) > 4:
        node.refuse(
            f"shapes {list(a)} and {list(b)} alternate between repeated and full axes {len(shape)} times", "up to 4"
        )
    fields: dict[str, Field] = {
        "shape": pad_axes(shape, 4, 1),
        "stride_a": pad_axes(stride_a, 4, 0),
        "stride_b": pad_axes(stride_b, 4, 0),
    }
    return fields, tuple(IN_PLACE if prod(given) == prod(out) else None for given in (a, b))
