"""SOFTMAX over the last axis, int8 to int8 or int16, or int16 to int16.

LiteRT computes it in fixed point: exp as a polynomial in Q0.31, the sum in Q12.19, a reciprocal by Newton's method.
Where the sum, modulo 2^13, is 512 or more, which takes that many elements near the highest one, LiteRT ends the
process. There the generated C gives the lowest code for every element: their shares are less than half a code.
To int16, LiteRT has results up to a sum of 4096.
"""

import math

import numpy as np

from stapes.convert.lower.arithmetic import exponential_table
from stapes.convert.lower.layers._shared.softmax_16 import lower_softmax_16
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Call, Constant, Operation
from stapes.firmware_sim.tflite.schema import Option

OPTIONS = {"beta": Option(0, "f")}


def lower(node: Node) -> list[Operation]:
    """Check one SOFTMAX and return its kernel call."""
    node.expect((1,))
    shape = node.tensor(0).shape
    node.expect_shape(shape)
    if node.tensor(0).dtype == "int16":
        return lower_softmax_16(node)
    scale_in, _ = node.scale(node.tensor(0))
    wide = node.output().dtype == "int16"
    scale_out, zero_out = node.scale(node.output(), ("int8", "int16"))
    codes, lowest = (65536, -32768) if wide else (256, -128)
    if abs(scale_out * codes - 1) > 0.001 or zero_out != lowest:
        node.refuse(f"output scale {scale_out}, zero point {zero_out}", f"scale 1/{codes}, zero point {lowest}")
    beta = float(node.options["beta"])
    if not (math.isfinite(beta) and beta * float(scale_in) * (1 << 26) > 1):
        node.refuse(f"beta {beta} with input scale {scale_in}", "a product above 2^-26")
    if not shape:
        node.refuse("a scalar", "at least one axis")
    if wide and shape[-1] >= 4096:
        node.refuse(f"{shape[-1]} classes as int16", "at most 4095")
    table = exponential_table(beta, float(scale_in))
    kernel = "stapes_nn_softmax_8_to_16" if wide else "stapes_nn_softmax"
    return [
        Call(
            name=node.name,
            kernel=kernel,
            form=kernel + "(&{name}, {in0}, {out});",
            inputs=(node.number(0),),
            output=node.operator.outputs[0],
            struct="stapes_nn_softmax_layer",
            fields={
                "rows": node.tensor(0).count // shape[-1],
                "depth": shape[-1],
                "length": len(table),
                "exponentials": Constant("exponentials", {"": np.array(table, np.int32)}),
            },
            overlap=(None,),
        )
    ]
