"""MEAN over any axes, int8 or int16.

LiteRT subtracts the zero point from the values and rounds their sum twice with the multiplier m * 2^power // count: m
is the multiplier of s_in / s_out, and 2^power <= count, the number of elements.
"""

from stapes.convert.lower.arithmetic import quantize_multiplier
from stapes.convert.lower.layers._shared.reduction import REDUCTION_OPTIONS, checked_reduction, sum_call
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation

OPTIONS = REDUCTION_OPTIONS


def lower(node: Node) -> list[Operation]:
    """Check one MEAN and return its kernel call."""
    reduction = checked_reduction(node)
    count = reduction.count
    kind = "int16" if node.tensor(0).dtype == "int16" else "int8"
    scale_in, scale_out = (float(node.scale(tensor, (kind,))[0]) for tensor in (node.tensor(0), node.output()))
    multiplier, shift = quantize_multiplier(scale_in / scale_out)
    power = min(count.bit_length() - 1, 31 + shift)
    kernel = "stapes_nn_mean_16" if kind == "int16" else "stapes_nn_mean"
    return [sum_call(node, kernel, reduction, (multiplier << power) // count, shift - power)]
