"""LOG_SOFTMAX over the last axis, int8.

LiteRT computes it in fixed point: exp as a polynomial in Q0.31, the sum in Q12.19, its logarithm in Q5.26. The output
has the scale 1/16 and the zero point 127.
"""

import numpy as np

from stapes.convert.lower.arithmetic import exponential_table, quantize_multiplier, scaled_differences
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Call, Constant, Operation

LONGEST = (1 << 12) - 1  # so that the sum stays within Q12.19


def lower(node: Node) -> list[Operation]:
    """Check one LOG_SOFTMAX and return its kernel call."""
    node.expect((1,))
    shape = node.tensor(0).shape
    node.expect_shape(shape)
    scale, (scale_out, zero_out) = float(node.scale(node.tensor(0))[0]), node.scale(node.output())
    if scale_out != np.float32(1 / 16) or zero_out != 127:
        node.refuse(f"output scale {scale_out}, zero point {zero_out}", "scale 1/16, zero point 127")
    if not shape or shape[-1] > LONGEST:
        node.refuse(f"shape {list(shape)}", f"a last axis of at most {LONGEST}")
    multiplier, left = quantize_multiplier(min(scale * (1 << 26), 2.0**31 - 1.0))
    if left < 1:
        node.refuse(f"input scale {scale}", "scales above 2^-26")
    reverse_multiplier, reverse_shift = quantize_multiplier((1 << (31 - left)) / multiplier)
    differences = scaled_differences(1.0, scale)
    return [
        Call(
            name=node.name,
            kernel="stapes_nn_log_softmax",
            form="stapes_nn_log_softmax(&{name}, {in0}, {out});",
            inputs=(node.number(0),),
            output=node.operator.outputs[0],
            struct="stapes_nn_log_softmax_layer",
            fields={
                "rows": node.tensor(0).count // shape[-1],
                "depth": shape[-1],
                "length": len(differences),
                "exponentials": Constant("exponentials", {"": np.array(exponential_table(1.0, scale), np.int32)}),
                "differences": Constant("differences", {"": np.array(differences, np.int32)}),
                "reverse_multiplier": reverse_multiplier,
                "reverse_right": -reverse_shift,
            },
            overlap=(None,),
        )
    ]
