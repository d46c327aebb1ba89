"""MUL: int8 with broadcasting."""

import numpy as np

from stapes.convert.arithmetic import quantize_multiplier
from stapes.convert.layers.broadcast import loops
from stapes.convert.node import Node
from stapes.convert.steps import Call, Step


def lower(node: Node) -> list[Step]:
    """Check one MUL and return its kernel call."""
    node.expect((2,))
    fields, in_place = loops(node)
    scale_a, zero_a = node.scale(node.tensor(0))
    scale_b, zero_b = node.scale(node.tensor(1))
    scale_out, zero_out = node.scale(node.output())
    low, high = node.clamp_range()
    factor = float(np.float32(np.float32(scale_a * scale_b) / scale_out))
    multiplier, shift = quantize_multiplier(factor) if np.isfinite(factor) else (0, 31)
    if shift > 14:
        node.refuse(f"scales {scale_a} and {scale_b} into {scale_out}", "a product of scales below 2^14 output scales")
    return [
        Call(
            name=node.name,
            kernel="stapes_nn_mul",
            form="stapes_nn_mul(&{name}, {in0}, {in1}, {out});",
            inputs=(node.number(0), node.number(1)),
            output=node.operator.outputs[0],
            struct="stapes_nn_mul_layer",
            fields={
                **fields,
                "zero_a": zero_a,
                "zero_b": zero_b,
                "multiplier": multiplier,
                "shift": shift,
                "out_zero": zero_out,
                "out_min": low,
                "out_max": high,
            },
            overlap=in_place,
        )
    ]
