"""LESS_EQUAL: a <= b, int8 with broadcasting, as bool.

LiteRT rounds (code - zero point) * 2^8 twice with the scale of each input, and compares the results.
The generated C looks up which codes of a belong to a code of b.
"""

import numpy as np

from stapes.convert.lower.layers._shared.comparison import lower_comparison
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one LESS_EQUAL and return its kernel call."""
    return lower_comparison(node, np.less_equal)
