"""ADD: int8 or int16 with broadcasting.

LiteRT rounds inputs * 2^20 twice with s / (2 max(s_a, s_b)), then their sum twice with
2 max(s_a, s_b) / (2^20 s_out), formed in double. Where one exists, the generated C uses a linear form of the codes that
is proved to agree on every pair of them. With int16 it is 2^15 in place of 2^20, and no linear form is tried.
"""

from stapes.convert.lower.layers._shared.int16 import lower_sum_16
from stapes.convert.lower.layers._shared.sums import lower_sum
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation
from stapes.firmware_sim.tflite.schema import ACTIVATION_OPTIONS, Option

OPTIONS = ACTIVATION_OPTIONS | {"powers_of_two": Option(1, "?", 1)}


def lower(node: Node) -> list[Operation]:
    """Check one ADD and return its kernel call."""
    if node.tensor(0).dtype == "int16":
        return lower_sum_16(node, sign=1)
    return lower_sum(node, sign=1)
