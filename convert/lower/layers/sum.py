"""SUM over any axes, int8.

LiteRT's reference kernel takes the int8 codes of input and output for unsigned bytes, so what it gives is the sum only
where no code and no result is negative. It subtracts the zero point from the bytes, rounds their sum twice with
s_in / s_out, formed in double, and clamps to 0 .. 255. The generated C gives the same bits, and whoever compiles such a
model is warned. LiteRT's optimized kernel reads int8.
"""

from stapes.convert.lower.arithmetic import quantize_multiplier
from stapes.convert.lower.layers._shared.reduction import REDUCTION_OPTIONS, checked_reduction, sum_call
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation

OPTIONS = REDUCTION_OPTIONS


def lower(node: Node) -> list[Operation]:
    """Check one SUM and return its kernel call."""
    reduction = checked_reduction(node)
    (scale_in, _), (scale_out, _) = node.scale(node.tensor(0)), node.scale(node.output())
    multiplier, shift = quantize_multiplier(float(scale_in) / float(scale_out))
    node.warn(
        "LiteRT's reference kernel takes int8 for unsigned bytes, and the C gives its bits: negative codes give wrong "
        "sums; a MEAN in its place has no such fault"
    )
    return [sum_call(node, "stapes_nn_sum", reduction, multiplier, shift)]
