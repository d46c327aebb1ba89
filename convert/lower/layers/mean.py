"""MEAN over any axes, int8.

LiteRT subtracts the zero point from the values and rounds their sum twice with the multiplier m * 2^power // count: m
is the multiplier of s_in / s_out, and 2^power <= count, the number of elements.
"""

from math import prod

from stapes.convert.lower.arithmetic import quantize_multiplier
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Call, Operation, merge_axes, pad_axes, row_major_strides
from stapes.firmware_sim.tflite.schema import Option

OPTIONS = {"keep_dims": Option(0, "?")}


def lower(node: Node) -> list[Operation]:
    """Check one MEAN and return its kernel call."""
    node.expect((2,))
    shape = node.tensor(0).shape
    axes = {node.axis(axis, len(shape)) for axis in node.values(1)}
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    reduced = tuple(size if axis in axes else 1 for axis, size in enumerate(shape))
    node.expect_shape(kept if node.option("keep_dims") else tuple(s for a, s in enumerate(shape) if a not in axes))
    count = prod(reduced)
    if count > 1 << 21:
        node.refuse(f"a mean of {count} elements", f"up to {1 << 21}")
    scale_in, zero_in = node.scale(node.tensor(0))
    scale_out, zero_out = node.scale(node.output())
    multiplier, shift = quantize_multiplier(float(scale_in) / float(scale_out))
    power = min(count.bit_length() - 1, 31 + shift)
    multiplier, shift = (multiplier << power) // count, shift - power
    if count * 256 << max(shift, 0) >= 1 << 30:
        node.refuse(f"scales {scale_in} into {scale_out}", "results within int32")
    (kept_shape, [kept_stride]), (reduced_shape, [reduced_stride]) = (
        merge_axes(part, row_major_strides(shape)) for part in (kept, reduced)
    )
    if max(len(kept_shape), len(reduced_shape)) > 4:
        node.refuse(f"axes {sorted(axes)} of {list(shape)}", "up to 4 groups of axes")
    return [
        Call(
            name=node.name,
            kernel="stapes_nn_mean",
            form="stapes_nn_mean(&{name}, {in0}, {out});",
            inputs=(node.number(0),),
            output=node.operator.outputs[0],
            struct="stapes_nn_mean_layer",
            fields={
                "kept": pad_axes(kept_shape, 4, 1),
                "kept_stride": pad_axes(kept_stride, 4, 0),
                "reduced": pad_axes(reduced_shape, 4, 1),
                "reduced_stride": pad_axes(reduced_stride, 4, 0),
                "bias": -zero_in * count,
                "multiplier": multiplier,
                "shift": shift,
                "out_zero": zero_out,
            },
            overlap=(None,),
            note=f"of {count}",
        )
    ]
