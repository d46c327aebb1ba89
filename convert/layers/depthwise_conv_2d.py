"""DEPTHWISE_CONV_2D: int8 NHWC, any depth multiplier."""

import numpy as np

from stapes.convert.layers import convolution
from stapes.convert.node import Node
from stapes.convert.steps import Call, Constant, Step


def lower(node: Node) -> list[Step]:
    """Check one DEPTHWISE_CONV_2D and return its kernel call."""
    node.expect((2, 3))
    weights = convolution.checked_weights(node, axis=3)
    if len(node.tensor(0).shape) != 4 or weights.ndim != 4 or weights.shape[0] != 1:
        node.refuse(
            f"input {list(node.tensor(0).shape)}, weights {list(weights.shape)}",
            "four axes, weights [1, height, width, channels]",
        )
    batches, _, _, in_channels = node.tensor(0).shape
    out_channels = weights.shape[3]
    if out_channels % in_channels:
        node.refuse(
            f"{out_channels} channels from {in_channels}", "a whole number of output channels per input channel"
        )
    rows, columns = convolution.window(node, 1, weights.shape[1]), convolution.window(node, 2, weights.shape[2])
    node.expect_shape((batches, rows.out, columns.out, out_channels))
    _, zero_in = node.scale(node.tensor(0))
    _, zero_out = node.scale(node.output())
    low, high = node.clamp_range()
    shape = convolution.shape_of(rows, columns, in_channels, out_channels)
    wide = weights.astype(np.int64).reshape(-1, out_channels)
    tiles = [layout.depthwise_tile for layout in node.layouts]
    return [
        Call(
            name=node.name,
            kernel="stapes_nn_depthwise",
            form="stapes_nn_depthwise(&{name}, {in0}, {out}, {scratch});",
            inputs=(node.number(0),),
            output=node.operator.outputs[0],
            struct="stapes_nn_conv_layer",
            fields={
                **convolution.sixteen_bits(node, convolution.geometry(rows, columns, shape, batches)),
                "in_zero": zero_in,
                "out_zero": zero_out,
                "out_min": low,
                "out_max": high,
                "weights": Constant("weights", {layout.macro: layout.depthwise(weights[0]) for layout in node.layouts}),
                **convolution.channel_constants(node, wide.sum(axis=0), np.abs(wide).sum(axis=0)),
            },
            scratch=max(layout.depthwise_scratch(shape) for layout in node.layouts),
            overlap=(convolution.overlap(rows, columns, (in_channels, out_channels), batches, tiles),),
            macs=batches * rows.out * columns.out * out_channels * rows.kernel * columns.kernel,
            note=f"{rows.kernel}x{columns.kernel}"
            + (f" /{rows.stride},{columns.stride}" if rows.stride * columns.stride > 1 else ""),
        )
    ]
