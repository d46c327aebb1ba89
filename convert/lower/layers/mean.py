"""MEAN over any axes, int8.

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
    multiplier, shift = quantize_multiplier(float(node.scale(node.tensor(0))[0]) / float(node.scale(node.output())[0]))
    power = min(count.bit_length() - 1, 31 + shift)
    return [sum_call(node, "stapes_nn_mean", reduction, (multiplier << power) // count, shift - power)]
