"""Compute the multipliers and shifts of the kernels when a model is compiled; the kernels' roundings in Python.

Scales are float32 as stored. Products and quotients of scales are doubles, as in LiteRT, except where stated.
"""

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from stapes.firmware_sim.tflite.schema import RELU, RELU6, RELU_N1_TO_1


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Return (multiplier, shift): real = multiplier * 2^(shift - 31), multiplier in [2^30, 2^31) or 0; shift >= -31."""
    if real == 0.0:
        return 0, 0
    fraction, exponent = math.frexp(real)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 1 << 31:
        multiplier, exponent = multiplier // 2, exponent + 1
    return (0, 0) if exponent < -31 else (multiplier, exponent)


def multiply_high(a: int, b: int) -> int:
    """Return round(a * b / 2^31), halves up."""
    return (a * b + (1 << 30)) >> 31


def divide_by_power(x: int, bits: int) -> int:
    """Return round(x / 2^bits), halves away from zero."""
    return (x + (1 << (bits - 1)) - (x < 0)) >> bits if bits else x


def round_twice(x: int, multiplier: int, shift: int) -> int:
    """Return what stapes_nn_round_twice returns, which LiteRT calls MultiplyByQuantizedMultiplier."""
    return divide_by_power(multiply_high(x << max(shift, 0), multiplier), max(-shift, 0))


def round_twice_array(x: np.ndarray, multiplier: int, shift: int) -> np.ndarray:
    """Return round_twice of int64 values with |x << shift| < 2^31."""
    high = ((x << max(shift, 0)) * multiplier + (1 << 30)) >> 31
    right = max(-shift, 0)
    return (high + (1 << (right - 1)) - (high < 0)) >> right if right else high


def round_once_array(x: np.ndarray, multiplier: int, shift: int) -> np.ndarray:
    """Return what stapes_nn_round_once returns, for int64 values below 2^31."""
    return (x * multiplier + (1 << (shift - 1))) >> shift


def clamp(x: int, low: int, high: int) -> int:
    """Return x, limited to [low, high]."""
    return max(low, min(high, x))


def _quantized(real: float, scale: np.float32, zero_point: int) -> int:
    quotient = np.float32(real) / scale
    return zero_point + math.floor(abs(float(quotient)) + 0.5) * (1 if quotient >= 0 else -1)


def activation_range(activation: int, scale: np.float32, zero_point: int, dtype: str = "int8") -> tuple[int, int]:
    """Return the lowest and highest int8 or int16 that a fused activation lets through."""
    limits = np.iinfo(dtype)
    low, high = int(limits.min), int(limits.max)
    if activation in (RELU, RELU6):
        low = max(low, _quantized(0.0, scale, zero_point))
    if activation == RELU6:
        high = min(high, _quantized(6.0, scale, zero_point))
    if activation == RELU_N1_TO_1:
        low, high = max(low, _quantized(-1.0, scale, zero_point)), min(high, _quantized(1.0, scale, zero_point))
    return low, high


def _round_half_away(x: np.ndarray) -> np.ndarray:
    return np.copysign(np.floor(np.abs(x) + 0.5), x)


class LongMultiplierError(ArithmeticError):
    """No multiplier of 31 bits gives the reference's bits."""


def single_rounding(real: float, bound: int, low: int, high: int) -> tuple[int, int]:
    """Return (multiplier, shift) with which clamp((sum * multiplier + 2^(shift-1)) >> shift) is the reference's value.

    The reference is clamp(round(double(sum) * real), low, high), halves away from zero. Both are monotonic in the sum,
    so they are equal for every |sum| <= bound if they are equal on both sides of each sum at which the reference
    changes. When the nearest multiplier fails (a product falls on a half, or is too close to one for 31 bits), its
    neighbours are tried. Raises LongMultiplierError when none of them agrees, as may happen for factors below 2^-18 and
    sums above 2^26; ArithmeticError when the reference's products leave int32.
    """
    multiplier, exponent = quantize_multiplier(real)
    shift = 31 - exponent
    if multiplier == 0 or shift > 62:
        return _flat(real, bound, low, high)
    exact, wanted = _changes(real, bound, low, high)  # |exact * candidate| < 2^62
    for distance in sorted(range(-64, 65), key=abs):
        candidate = multiplier + distance
        given = round_once_array(exact, candidate, shift)
        if 0 < candidate < 1 << 31 and np.array_equal(np.clip(given, low, high), wanted):
            return candidate, shift
    raise LongMultiplierError(f"no 31-bit multiplier rounds as the factor {real} does")


def _changes(real: float, bound: int, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums beside those at which the reference of single_rounding changes, and its values there; int64."""
    if real >= 2**30 or bound * real >= 2**31 - 256:
        raise ArithmeticError(f"sums up to {bound} times the factor {real} leave int32")
    halves = (np.arange(low, high) + 0.5) / real
    near = np.floor(halves)[:, None] + np.arange(-2, 4)
    sums = np.unique(np.append(np.clip(near, -bound, bound), (-bound, bound)))
    return sums.astype(np.int64), np.clip(_round_half_away(sums * real), low, high).astype(np.int64)


def single_rounding_62(real: float, bound: int, low: int, high: int) -> tuple[int, int]:
    """Return what single_rounding returns, with a multiplier below 2^62 and a shift from 32 to 93.

    Raises ArithmeticError when the reference's products leave int32, and when no multiplier of 62 bits agrees: then a
    double cannot tell the product of some sum and the factor from a half.
    """
    if bound * real < 0.5:
        return 0, 32
    shift = 62 - math.frexp(real)[1]
    half, unit = 1 << (shift - 1), 1 << shift
    least, most = 1, (1 << 62) - 1
    for s, value in zip(*(array.tolist() for array in _changes(real, bound, low, high)), strict=True):
        above, below = value > low, value < high  # whether the product has a lower and an upper limit
        limits = value * unit - half, value * unit + half - 1
        if s > 0:
            least = max(least, -(-limits[0] // s) if above else least)
            most = min(most, limits[1] // s if below else most)
        elif s < 0:
            least = max(least, -(limits[1] // -s) if below else least)
            most = min(most, limits[0] // s if above else most)
    if least > most:
        raise ArithmeticError(f"no 62-bit multiplier rounds as the factor {real} does")
    return (least + most) // 2, shift


def equal_with_smaller_sums(
    start: int, reach: int, multiplier: int, shift: int, low: int, high: int, limit: int
) -> tuple[int, int] | None:
    """Return (start, shift) with the same clamp(round_twice(start + s)) for |s| <= reach, and |start| + reach < limit.

    Where the weights of a channel are negligible beside its bias of 2^30, its output is constant, or takes two
    neighbouring values. Half the start and twice the factor then give the same outputs, once the start is moved so that
    the output changes at the same s. None where that fails.
    """
    if multiplier == 0:
        return 0, shift

    def value(start: int, shift: int, s: int) -> int:
        return clamp(round_twice(start + s, multiplier, shift), low, high)

    last = value(start, shift, reach)
    change = _first_at_least(partial(value, start, shift), last, -reach, reach)
    for raised in range(shift + 1, min(shift + 8, 0) + 1):
        other = _first_at_least(partial(value, shift=raised, s=change), last, 1 + reach - limit, limit - reach - 1)
        ends = -reach, max(-reach, change - 1), change, reach
        if all(value(other, raised, s) == value(start, shift, s) for s in ends):
            return other, raised
    return None


def _first_at_least(rising: Callable[[int], int], wanted: int, low: int, high: int) -> int:
    """Return the smallest x in [low, high] with rising(x) >= wanted; high where there is none."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if rising(middle) >= wanted else (middle + 1, high)
    return low


def _flat(real: float, bound: int, low: int, high: int) -> tuple[int, int]:
    """Return multiplier and shift of a factor that is so small that every output is 0."""
    if bound * real >= 0.5 and (low < 0 or high > 0):
        raise LongMultiplierError(f"the factor {real} is too small for its sums up to {bound}")
    return 0, 1


def inverse_square_root(x: int) -> tuple[int, int]:
    """Return (multiplier, shift) of 1 / sqrt(x), 1 <= x < 2^31, as LiteRT finds it by five steps of Newton's method."""
    if x == 1:
        return (1 << 31) - 1, 0
    shift = 11
    while x >= 1 << 29:
        x, shift = x // 4, shift + 1
    pairs = (31 - x.bit_length()) // 2 - 1
    x, shift = x << 2 * pairs, shift - pairs  # 2^27 <= x < 2^29, and x / 2 in Q3.28 is between 1/4 and 1
    half, root = divide_by_power(x >> 1, 1), 1 << 28
    for _ in range(5):
        cube = multiply_high(multiply_high(root, root), root) << 6  # Q9.22 -> Q3.28; root < 2
        root = (multiply_high((1 << 28) + (1 << 27), root) - multiply_high(half, cube)) << 3  # Q6.25 -> Q3.28
    multiplier = multiply_high(root, 1518500250)  # sqrt(1/2)
    return (multiplier << -shift, 0) if shift < 0 else (multiplier, -shift)


def reciprocal(x: int) -> tuple[int, int]:
    """Return (multiplier, power) with 1 / x = multiplier * 2^(-31 - power), as LiteRT finds it by Newton's method.

    1 <= x < 2^31; the multiplier is that of 1 / (1 + y) with 1 + y = x / 2^power, 0 <= y < 1.
    """
    power = x.bit_length() - 1
    half = ((x << (31 - power)) - (1 << 31) + (1 << 31)) >> 1  # (1 + y) / 2 in Q0.31
    guess = 1515870810 + multiply_high(half, -1010580540)  # 48/17 - 32/17 (1 + y) / 2, in Q2.29
    for _ in range(3):
        guess += 4 * multiply_high(guess, (1 << 29) - multiply_high(half, guess))
    return min(2 * guess, (1 << 31) - 1), power


def scaled_differences(beta: float, scale: float) -> list[int]:
    """Return -d * beta * scale in Q5.26 for d = 0, 1, …, as far as LiteRT's fixed-point softmax looks at it."""
    multiplier, left = quantize_multiplier(min(beta * scale * (1 << 26), 2.0**31 - 1.0))
    radius = math.floor(31 * (1 << 26) / (1 << left))
    return [multiply_high((-d) << left, multiplier) for d in range(min(255, radius) + 1)]


def exponential_table(beta: float, scale: float) -> list[int]:
    """Return exp(-d * beta * scale) in Q0.31 for d = 0, 1, …, as LiteRT's fixed-point softmax has it.

    Past the end of the table it is 0.
    """
    return [_exp_of_negative(difference) for difference in scaled_differences(beta, scale)]


# exp(-2^k) in Q0.31, for k = -2 .. 4; the terms of the series are those of exp around -1/8.
_EXP_OF_POWERS = (
    (-2, 1672461947),
    (-1, 1302514674),
    (0, 790015084),
    (1, 290630308),
    (2, 39332535),
    (3, 720401),
    (4, 242),
)
_EXP_OF_EIGHTH = 1895147668
_THIRD = 715827883


def _exp_of_negative(a: int) -> int:
    """Return exp(a) in Q0.31 for a <= 0 in Q5.26."""
    if a == 0:
        return (1 << 31) - 1
    quarter = 1 << 24
    low = (a & (quarter - 1)) - quarter
    x = (low << 5) + (1 << 28)
    x2 = multiply_high(x, x)
    x3, x4 = multiply_high(x2, x), multiply_high(x2, x2)
    series = divide_by_power(multiply_high(divide_by_power(x4, 2) + x3, _THIRD) + x2, 1)
    result = _EXP_OF_EIGHTH + multiply_high(_EXP_OF_EIGHTH, x + series)
    for power, factor in _EXP_OF_POWERS:
        if (low - a) & (1 << (26 + power)):
            result = multiply_high(result, factor)
    return result
