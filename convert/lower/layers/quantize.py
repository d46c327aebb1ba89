"""QUANTIZE between int8 and uint8, and from an input of float32 to either.

LiteRT rounds twice with s_in / s_out, formed in double; the generated C looks that up in a table. From float32 LiteRT
divides by the scale in float32 and rounds halves away from zero; where a DEQUANTIZE made those values of codes, a table
holds the result for each code.
"""

import math

import numpy as np

from stapes.convert.lower.arithmetic import quantize_multiplier, round_twice
from stapes.convert.lower.layers._shared.lookup import lower_lookup
from stapes.convert.lower.layers._shared.real_values import real_values_call
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one QUANTIZE and return its lookup, or the call of its kernel."""
    node.expect((1,))
    if node.tensor(0).dtype == "float32":
        return [real_values_call(node, "stapes_nn_quantize", node.output(), node.number(0))]
    scale_in, zero_in = node.scale(node.tensor(0), ("int8", "uint8"))
    scale_out, zero_out = node.scale(node.output(), ("int8", "uint8"))
    if node.operator.by_way_of_real:
        if float(scale_in) / float(scale_out) >= 1 << 22 or not np.isfinite(np.float32(255 * float(scale_in))):
            node.refuse(f"scales {scale_in} into {scale_out} by way of float32", "factors below 2^22, finite values")
        real = [np.float32(float(scale_in) * (q - zero_in)) for q in range(-128, 256)]
        return lower_lookup(node, lambda q: _nearest(real[q + 128] / scale_out) + zero_out)
    multiplier, shift = quantize_multiplier(float(scale_in) / float(scale_out))
    if shift > 21:
        node.refuse(f"scales {scale_in} into {scale_out}", "factors below 2^21")
    return lower_lookup(node, lambda q: round_twice(q - zero_in, multiplier, shift) + zero_out)


def _nearest(value: np.float32) -> int:
    """Return the nearest integer, halves away from zero."""
    return int(math.copysign(math.floor(abs(float(value)) + 0.5), float(value)))
