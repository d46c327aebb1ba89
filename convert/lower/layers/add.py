"""ADD: int8 with broadcasting.

LiteRT rounds inputs * 2^20 twice with s / (2 max(s_a, s_b)), then their sum twice with
2 max(s_a, s_b) / (2^20 s_out), formed in double. Where one exists, the generated C uses a linear form of the codes that
is proved to agree on every pair of them.
"""

from stapes.convert.lower.layers._shared.sums import lower_sum
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation
from stapes.firmware_sim.tflite.schema import ACTIVATION_OPTIONS

OPTIONS = ACTIVATION_OPTIONS


def lower(node: Node) -> list[Operation]:
    """Check one ADD and return its kernel call."""
    return lower_sum(node, sign=1)
