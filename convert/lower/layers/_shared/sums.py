"""What ADD and SUB share: sums of int8 with broadcasting."""

from collections.abc import Iterator
from math import ceil, log2

import numpy as np

from stapes.convert.lower.arithmetic import round_twice_array
from stapes.convert.lower.layers._shared import broadcast
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation

_CODES = np.arange(-128, 128, dtype=np.int64)
_NEAR = ((0, 0), (1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))


def lower_sum(node: Node, sign: int) -> list[Operation]:
    """Check a + sign * b and return its kernel call.

    That is the call of a linear form of the codes, where one gives the bits of the reference for every pair of codes.
    """
    node.expect((2,))
    scale_a, scale_b, scale_out = (node.scale(t)[0] for t in (node.tensor(0), node.tensor(1), node.output()))
    twice = 2.0 * max(float(scale_a), float(scale_b))
    factor = twice / ((1 << 20) * float(scale_out))
    if not 0 < factor < 1:
        node.refuse(
            f"scales {scale_a} and {scale_b} into {scale_out}",
            "an output scale above 2^-19 times the larger input scale",
        )
    factors = broadcast.three_factors(float(scale_a) / twice, float(scale_b) / twice, factor)
    zero_a, zero_b, zero_out = (node.scale(t)[1] for t in (node.tensor(0), node.tensor(1), node.output()))
    scaled_a = round_twice_array((_CODES - zero_a) << 20, factors["multiplier_a"], factors["shift_a"])
    scaled_b = round_twice_array((_CODES - zero_b) << 20, factors["multiplier_b"], factors["shift_b"])
    scaled = round_twice_array(scaled_a[:, None] + sign * scaled_b, factors["multiplier_out"], factors["shift_out"])
    low, high = node.clamp_range()
    wanted = np.clip(scaled + zero_out, low, high)
    slopes = float(scale_a) / float(scale_out), sign * float(scale_b) / float(scale_out)
    offset = zero_out + 0.5 - slopes[0] * zero_a - slopes[1] * zero_b
    found = _linear_form(wanted, (wanted > low, wanted < high), slopes, offset)
    if found:
        return [broadcast.clamped_call(node, "stapes_nn_add", found)]
    factors["multiplier_b"] *= sign
    zeros = {"zero_a": zero_a, "zero_b": zero_b, "out_zero": zero_out}
    return [broadcast.clamped_call(node, "stapes_nn_add_requantized", factors | zeros)]


def _linear_form(
    wanted: np.ndarray, within: tuple[np.ndarray, np.ndarray], slopes: tuple[float, float], offset: float
) -> dict[str, int] | None:
    """Return factor_a, factor_b, offset and shift of stapes_nn_add that give `wanted` for every pair of codes, or None.

    wanted: clamped outputs, int64 [256, 256], about floor(slopes[0] * a + slopes[1] * b + offset).
    within: bool [256, 256] twice, where `wanted` lies above the lower and below the upper end of the clamp.
    """
    shift = min(30, 31 - ceil(log2(128 * sum(map(abs, slopes)) + abs(offset) + 2)))
    if shift < 1:
        return None
    for factor_a, factor_b in _candidates(slopes, shift):
        products = factor_a * _CODES[:, None] + factor_b * _CODES
        least = ((wanted << shift) - products)[within[0]].max(initial=-(1 << 31))
        most = (((wanted + 1) << shift) - products)[within[1]].min(initial=1 << 31) - 1
        middle = int(least + most) // 2
        if least <= most and 128 * (abs(factor_a) + abs(factor_b)) + abs(middle) < 1 << 31:
            return {"factor_a": factor_a, "factor_b": factor_b, "offset": middle, "shift": shift}
    return None


def _candidates(slopes: tuple[float, float], shift: int) -> Iterator[tuple[int, int]]:
    """Yield pairs of integer slopes with `shift` fractional bits, the nearest ones first.

    Slightly larger slopes follow: with those, halves are rounded away from zero.
    """
    for longer in range(8):
        factor_a, factor_b = (round(slope * (1 + longer * 2.0**-21) * 2**shift) for slope in slopes)
        for near_a, near_b in _NEAR:
            yield factor_a + near_a, factor_b + near_b
