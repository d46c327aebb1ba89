"""What operators on several inputs share: loops over at most four axes, with strides of 0 where one is repeated."""

from collections.abc import Mapping
from math import prod

from stapes.convert.lower.arithmetic import quantize_multiplier
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import IN_PLACE, Call, Field, Overlap, merge_axes, pad_axes, row_major_strides

LETTERS = "abc"


def call(node: Node, kernel: str, fields: Mapping[str, Field], order: tuple[int, ...] = (0, 1)) -> Call:
    """Return the kernel call of a checked operator; fields: the members of its struct after those of the loops.

    order: the inputs a, b, … of the kernel by their positions in the file.
    """
    loops, overlap = _loops(node, [node.tensor(position).shape for position in order])
    pointers = ", ".join(f"{{in{number}}}" for number in range(len(order)))
    return Call(
        name=node.name,
        kernel=kernel,
        form=f"{kernel}(&{{name}}, {pointers}, {{out}});",
        inputs=tuple(node.number(position) for position in order),
        output=node.operator.outputs[0],
        struct=f"{kernel}_layer",
        fields={**loops, **fields},
        overlap=overlap,
    )


def clamped_call(node: Node, kernel: str, factors: Mapping[str, int]) -> Call:
    """Return the call of an operator with a fused activation; factors: the members that are about scales."""
    low, high = node.clamp_range()
    return call(node, kernel, {**factors, "out_min": low, "out_max": high})


def three_factors(a: float, b: float, out: float) -> dict[str, int]:
    """Return the members of a struct by which two inputs and what is made of them are scaled, each rounded twice."""
    pairs = {"a": quantize_multiplier(a), "b": quantize_multiplier(b), "out": quantize_multiplier(out)}
    multipliers = {f"multiplier_{letter}": multiplier for letter, (multiplier, _) in pairs.items()}
    return multipliers | {f"shift_{letter}": shift for letter, (_, shift) in pairs.items()}


def _loops(node: Node, given: list[tuple[int, ...]]) -> tuple[dict[str, Field], tuple[Overlap | None, ...]]:
    """Return the fields shape, stride_a, stride_b, …, and the overlap per input; no repeated one may be overlapped."""
    rank = max(map(len, given))
    shapes = [pad_axes(shape, rank, 1) for shape in given]
    out = tuple(map(max, zip(*shapes, strict=True)))
    if any(size not in (1, most) for shape in shapes for size, most in zip(shape, out, strict=True)):
        node.refuse(f"shapes {_listed(given)}", "equal sizes, or 1, along each axis")
    node.expect_shape(out)
    strides = [
        tuple(step if size > 1 else 0 for step, size in zip(row_major_strides(shape), shape, strict=True))
        for shape in shapes
    ]
    shape, merged = merge_axes(out, *strides)
    if len(shape) > 4:
        node.refuse(f"shapes {_listed(given)} alternate between repeated and full axes {len(shape)} times", "up to 4")
    fields: dict[str, Field] = {"shape": pad_axes(shape, 4, 1)}
    for letter, stride in zip(LETTERS, merged, strict=False):
        fields[f"stride_{letter}"] = pad_axes(stride, 4, 0)
    return fields, tuple(IN_PLACE if prod(shape) == prod(out) else None for shape in given)


def _listed(shapes: list[tuple[int, ...]]) -> str:
    return " and ".join(str(list(shape)) for shape in shapes)
