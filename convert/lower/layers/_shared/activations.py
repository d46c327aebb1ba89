"""What activation functions share: tables of functions that LiteRT computes in float32, and of RELU up to a limit."""

import math
from collections.abc import Callable

import numpy as np

from stapes.convert.lower.arithmetic import quantize_multiplier, round_twice
from stapes.convert.lower.layers._shared.int16 import rescale_16
from stapes.convert.lower.layers._shared.lookup import lower_lookup
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower_float_function(node: Node, function: Callable[[np.float32], np.float32]) -> list[Operation]:
    """Return the lookup of a function of real values; refuses scales in which a result is not within int32."""
    scale_in, zero_in = node.scale(node.tensor(0))
    scale_out, zero_out = node.scale(node.output())
    inverse = np.float32(1) / scale_out

    def value(q: int) -> int:
        scaled = float(function(scale_in * np.float32(q - zero_in)) * inverse)
        if not abs(scaled) < 1 << 30:  # LiteRT converts it to int32
            node.refuse(f"output scale {scale_out}, in which a result is {scaled}", "scales with finite results < 2^30")
        return int(_rounded(scaled)) + zero_out

    return lower_lookup(node, value)


def lower_relu(node: Node, most: float, least: float = 0.0) -> list[Operation]:
    """Return the lookup of min(max(x, least), most), or the call for int16."""
    kind = "int16" if node.tensor(0).dtype == "int16" else "int8"
    scale_in, zero_in = node.scale(node.tensor(0), (kind,))
    scale_out, zero_out = node.scale(node.output(), (kind,))
    low, high = (zero_out + _rounded(float(np.float32(limit) / scale_out)) for limit in (least, most))
    if kind == "int16":
        return rescale_16(node, float(scale_in / scale_out), limits=(low, high))
    multiplier, shift = checked_multiplier(node, float(scale_in / scale_out))
    return lower_lookup(
        node, lambda q: int(min(max(zero_out + round_twice(q - zero_in, multiplier, shift), low), high))
    )


def _rounded(x: float) -> float:
    """Return the nearest whole number, halves away from zero; infinity stays what it is."""
    return x if math.isinf(x) else math.copysign(math.floor(abs(x) + 0.5), x)


def checked_multiplier(node: Node, factor: float, limit: int = 21) -> tuple[int, int]:
    """Return (multiplier, shift) of a factor between scales; refuses factors of 2^limit or more, or not finite.

    Differences of codes have 9 bits and their products 16: with limits of 21 and 14 their results stay within int32.
    """
    multiplier, shift = quantize_multiplier(factor) if math.isfinite(factor) else (0, 31)
    if shift > limit:
        node.refuse(f"a factor of {factor} between the scales", f"factors below 2^{limit}")
    return multiplier, shift
