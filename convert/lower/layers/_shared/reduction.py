"""What the operators share that reduce some axes to one value: loops over the kept and over the reduced axes."""

from dataclasses import dataclass
from math import prod

from stapes.convert.lower.layers._shared.int16 import expect_symmetric
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Call, Field, merge_axes, pad_axes, row_major_strides
from stapes.firmware_sim.tflite.schema import Option

REDUCTION_OPTIONS = {"keep_dims": Option(0, "?")}


@dataclass(frozen=True)
class Reduction:
    """The checked axes of one operator."""

    count: int  # elements that become one
    loops: dict[str, Field]  # the first members of the kernel's struct


def checked_reduction(node: Node) -> Reduction:
    """Return the loops over the axes that input 1 names; refuses an output of another shape than they leave."""
    node.expect((2,))
    shape = node.tensor(0).shape
    axes = {node.axis(axis, len(shape)) for axis in node.values(1)}
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    reduced = tuple(size if axis in axes else 1 for axis, size in enumerate(shape))
    node.expect_shape(kept if node.option("keep_dims") else tuple(s for a, s in enumerate(shape) if a not in axes))
    (kept_shape, [kept_stride]), (reduced_shape, [reduced_stride]) = (
        merge_axes(part, row_major_strides(shape)) for part in (kept, reduced)
    )
    if max(len(kept_shape), len(reduced_shape)) > 4:
        node.refuse(f"axes {sorted(axes)} of {list(shape)}", "up to 4 groups of axes")
    loops: dict[str, Field] = {
        "kept": pad_axes(kept_shape, 4, 1),
        "kept_stride": pad_axes(kept_stride, 4, 0),
        "reduced": pad_axes(reduced_shape, 4, 1),
        "reduced_stride": pad_axes(reduced_stride, 4, 0),
    }
    return Reduction(prod(reduced), loops)


def call(node: Node, kernel: str, reduction: Reduction, fields: dict[str, Field], struct: str) -> Call:
    """Return the kernel call; fields: the members of the struct after those of the loops."""
    return Call(
        name=node.name,
        kernel=kernel,
        form=kernel + "(&{name}, {in0}, {out});",
        inputs=(node.number(0),),
        output=node.operator.outputs[0],
        struct=struct,
        fields={**reduction.loops, **fields},
        overlap=(None,),
        note=f"of {reduction.count}",
    )


def sum_call(node: Node, kernel: str, reduction: Reduction, multiplier: int, shift: int) -> Call:
    """Return the call that rounds the sum of values without zero points twice; refuses sums that could leave int32.

    A value without its zero point has at most 9 bits, also where the kernel reads it as an unsigned byte, or 15.
    """
    kind, bits = ("int16", 15) if node.tensor(0).dtype == "int16" else ("int8", 9)
    if kind == "int16":
        expect_symmetric(node, node.tensor(0), node.output())
    if reduction.count << bits > 1 << 29:
        node.refuse(f"a sum of {reduction.count} elements", f"up to {1 << 29 - bits}")
    (scale_in, zero_in), (scale_out, zero_out) = (
        node.scale(tensor, (kind,)) for tensor in (node.tensor(0), node.output())
    )
    if reduction.count << bits + max(shift, 0) > 1 << 30:
        node.refuse(f"scales {scale_in} into {scale_out}", "results within int32")
    fields: dict[str, Field] = {
        "bias": -zero_in * reduction.count,
        "multiplier": multiplier,
        "shift": shift,
        "out_zero": zero_out,
    }
    return call(node, kernel, reduction, fields, struct="stapes_nn_mean_layer")


def extreme_call(node: Node, greatest: bool) -> Call:
    """Return the call that takes the greatest or the least code, which keeps its scale."""
    reduction = checked_reduction(node)
    node.scale(node.tensor(0)), node.scale(node.output())
    if not node.same_scale(node.tensor(0), node.output()):
        node.refuse("input and output differ in scale or zero point", "the same")
    fields: dict[str, Field] = {"greatest": int(greatest)}
    return call(node, "stapes_nn_reduce_extreme", reduction, fields, struct="stapes_nn_reduce_extreme_layer")
