"""CONV_2D: int8 NHWC, one group."""

import numpy as np

from stapes.convert.layers import convolution
from stapes.convert.node import Node
from stapes.convert.steps import Call, Constant, Step


def lower(node: Node) -> list[Step]:
    """Check one CONV_2D and return its kernel call."""
    node.expect((2, 3))
    weights = convolution.checked_weights(node, axis=0)
    if len(node.tensor(0).shape) != 4 or weights.ndim != 4:
        node.refuse(f"input {list(node.tensor(0).shape)}, weights {list(weights.shape)}", "four axes each")
    batches, _, _, in_channels = node.tensor(0).shape
    if weights.shape[3] != in_channels:
        node.refuse(f"weights for {weights.shape[3]} of {in_channels} input channels", "one group of channels")
    out_channels = weights.shape[0]
    rows, columns = convolution.window(node, 1, weights.shape[1]), convolution.window(node, 2, weights.shape[2])
    node.expect_shape((batches, rows.out, columns.out, out_channels))
    _, zero_in = node.scale(node.tensor(0))
    _, zero_out = node.scale(node.output())
    low, high = node.clamp_range()
    shape = convolution.shape_of(rows, columns, in_channels, out_channels)
    wide = weights.astype(np.int64).reshape(out_channels, -1)
    tiles = [layout.conv_tile for layout in node.layouts]
    return [
        Call(
            name=node.name,
            kernel="stapes_nn_conv",
            form="stapes_nn_conv(&{name}, {in0}, {out}, {scratch});",
            inputs=(node.number(0),),
            output=node.operator.outputs[0],
            struct="stapes_nn_conv_layer",
            fields={
                **convolution.sixteen_bits(node, convolution.geometry(rows, columns, shape, batches)),
                "in_zero": zero_in,
                "out_zero": zero_out,
                "out_min": low,
                "out_max": high,
                "weights": Constant("weights", {layout.macro: layout.conv(weights) for layout in node.layouts}),
                **convolution.channel_constants(node, wide.sum(axis=1), np.abs(wide).sum(axis=1)),
            },
            scratch=max(layout.conv_scratch(shape) for layout in node.layouts),
            overlap=(convolution.overlap(rows, columns, (in_channels, out_channels), batches, tiles),),
            macs=batches * rows.out * columns.out * out_channels * shape.taps,
            note=f"{rows.kernel}x{columns.kernel}"
            + (f" /{rows.stride},{columns.stride}" if rows.stride * columns.stride > 1 else ""),
        )
    ]
