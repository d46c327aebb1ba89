"""L2_NORMALIZATION: each row of the last axis divided by its length; int8.

LiteRT finds 1 / sqrt(sum of squares) by five steps of Newton's method in fixed point, and rounds code - zero point
twice with it; the output has the scale 1/128 and the zero point 0.
"""

import numpy as np

from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Call, Operation
from stapes.firmware_sim.tflite.schema import ACTIVATION_OPTIONS, NONE

OPTIONS = ACTIVATION_OPTIONS
LONGEST = (1 << 31) // 255**2  # so that the sum of squares stays within int32


def lower(node: Node) -> list[Operation]:
    """Check one L2_NORMALIZATION and return its kernel call."""
    node.expect((1,))
    shape = node.tensor(0).shape
    node.expect_shape(shape)
    (_, zero_in), (scale_out, zero_out) = node.scale(node.tensor(0)), node.scale(node.output())
    if scale_out != np.float32(1 / 128) or zero_out != 0:
        node.refuse(f"output scale {scale_out}, zero point {zero_out}", "scale 1/128, zero point 0")
    if node.option("activation") != NONE:
        node.refuse(f"the fused activation {node.option('activation')}", "none")
    if not 1 <= len(shape) <= 4 or shape[-1] > LONGEST:
        node.refuse(f"shape {list(shape)}", f"one to four axes, the last of at most {LONGEST}")
    return [
        Call(
            name=node.name,
            kernel="stapes_nn_l2_normalize",
            form="stapes_nn_l2_normalize(&{name}, {in0}, {out});",
            inputs=(node.number(0),),
            output=node.operator.outputs[0],
            struct="stapes_nn_l2_normalize_layer",
            fields={"rows": node.tensor(0).count // shape[-1], "depth": shape[-1], "zero_in": zero_in},
            overlap=(None,),
        )
    ]
