"""QUANTIZE between int8 and uint8.

LiteRT rounds twice with s_in / s_out, formed in double.
The generated C looks it up in a table.
"""

from stapes.convert.lower.arithmetic import quantize_multiplier, round_twice
from stapes.convert.lower.layers._shared.lookup import lower_lookup
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one QUANTIZE and return its lookup."""
    node.expect((1,))
    scale_in, zero_in = node.scale(node.tensor(0), ("int8", "uint8"))
    scale_out, zero_out = node.scale(node.output(), ("int8", "uint8"))
    multiplier, shift = quantize_multiplier(float(scale_in) / float(scale_out))
    if shift > 21:
        node.refuse(f"scales {scale_in} into {scale_out}", "factors below 2^21")
    return lower_lookup(node, lambda q: round_twice(q - zero_in, multiplier, shift) + zero_out)
