"""HARD_SWISH: x * relu6(x + 3) / 6.

LiteRT computes it in 16-bit fixed point; one of the products is truncated, and shifts by 16 or more give 1 or -1.
The generated C looks it up in a table.
"""

import numpy as np

from stapes.convert.lower.arithmetic import clamp, divide_by_power, quantize_multiplier
from stapes.convert.lower.layers._shared.lookup import lower_lookup
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def _q15(multiplier: int) -> int:
    """Return a 31-bit multiplier rounded to 15 bits."""
    return 32767 if multiplier >= (1 << 31) - (1 << 15) else (multiplier + (1 << 15)) >> 16


def _multiply_q15(a: int, b: int) -> int:
    """Return round(a * b / 2^15), halves up."""
    return (a * b + (1 << 14)) >> 15


def _divide(x: int, bits: int) -> int:
    """Return round(x / 2^bits), halves away from zero; from 16 bits on the reference's 16-bit masks give 1 or -1."""
    return divide_by_power(x, bits) if bits < 16 else 1 if x >= 0 else -1


def _saturate(x: int) -> int:
    return clamp(x, -32768, 32767)


def lower(node: Node) -> list[Operation]:
    """Check one HARD_SWISH and return its lookup."""
    node.expect((1,))
    scale_in, zero_in = node.scale(node.tensor(0))
    scale_out, zero_out = node.scale(node.output())
    fine = np.float32(1 / 128) * scale_in
    multiplier_out, shift_out = quantize_multiplier(float(fine / scale_out))
    multiplier_gate, shift_gate = quantize_multiplier(float(fine / np.float32(3 / 32768)))
    if shift_out > 0 or shift_gate > 16:
        node.refuse(f"scales {scale_in} into {scale_out}", "an output scale above 1/128 of the input's")
    factor_out, factor_gate = _q15(multiplier_out), _q15(multiplier_gate)

    def value(q: int) -> int:
        x = (q - zero_in) * 128
        gate = _multiply_q15(_saturate(x << max(shift_gate - 1, 0)), factor_gate)
        gate = _saturate(gate * 2) if shift_gate > 0 else _divide(gate, -shift_gate)
        share = (gate + 32768) >> 1
        product = share * _multiply_q15(x, factor_out)
        truncated = abs(product) >> 15
        return _divide(truncated if product >= 0 else -truncated, -shift_out) + zero_out

    return lower_lookup(node, value)
