"""Find multipliers that need a single rounding with the same shift for all channels of a layer.

A processor that accumulates 64-bit products computes that in few instructions. Kernels of a Layout with `common_shift`
compute clamp(out_zero + ((sum * multiplier + 2^(31 + shift)) >> (32 + shift))). Both this and the reference are
monotonic in the sum, so they agree on every sum if they agree on both sides of each sum at which the reference changes.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Constant, Field

LARGEST_SHIFT = 22  # (2 * out_zero + 1) * 2^(shift - 1) and what is added to it fit int32


@dataclass(frozen=True)
class Channel:
    """One output channel. `values` maps int64 sums within +-`bound` to outputs, about sum * factor; monotonic."""

    bias: int
    multiplier: int
    shift: int
    factor: float
    bound: int
    values: Callable[[np.ndarray], np.ndarray]


def fields(node: Node, channels: Sequence[Channel], possible: bool) -> dict[str, Field]:
    """Return the fields bias, multiplier, shift and common_shift of a layer.

    Where there is no common shift, or not `possible`, it is 0, and the kernel uses the shift of each channel.
    """
    low, high = node.clamp_range()
    zero = node.scale(node.output())[1]
    bias = np.array([channel.bias for channel in channels], np.int32)
    multiplier = np.array([channel.multiplier for channel in channels], np.int32)
    shift = Constant("shift", {"": np.array([channel.shift for channel in channels], np.int8)})
    biases, multipliers = ({layout.macro: each for layout in node.layouts} for each in (bias, multiplier))
    wanting = [layout.macro for layout in node.layouts if layout.common_shift]
    found = common_multipliers(channels, low - zero, high - zero) if wanting and possible else None
    for macro in wanting if found else ():
        fill = (0, -len(bias) % 4)
        biases[macro], multipliers[macro] = np.pad(bias, fill), np.pad(np.array(found[0], np.int32), fill)  # type: ignore[index]
    return {
        "bias": Constant("bias", biases),
        "multiplier": Constant("multiplier", multipliers),
        "shift": 0 if found and len(wanting) == len(node.layouts) else shift,
        "common_shift": found[1] if found else 0,
    }


def common_multipliers(channels: Sequence[Channel], low: int, high: int) -> tuple[list[int], int] | None:
    """Return multipliers below 2^31 and their common shift, 1 to LARGEST_SHIFT; None where there are none."""
    _, exponent = math.frexp(max(channel.factor for channel in channels))
    shift = min(LARGEST_SHIFT, -1 - exponent)
    if shift < 1:
        return None
    multipliers = [_multiplier(channel, shift, low, high) for channel in channels]
    return None if None in multipliers else ([m for m in multipliers if m is not None], shift)


def _multiplier(channel: Channel, shift: int, low: int, high: int) -> int | None:
    """Return the middle one of the multipliers that agree with the channel; None where there is none."""
    if channel.factor == 0:
        return 0
    changes = np.clip((np.arange(low, high) + 0.5) / channel.factor, -channel.bound, channel.bound)
    near = np.floor(changes).astype(np.int64)[:, None] + np.arange(-2, 4)
    sums = np.unique(np.append(np.clip(near, -channel.bound, channel.bound), (-channel.bound, channel.bound)))
    values = np.clip(channel.values(sums), low, high)
    unit = 1 << (32 + shift)
    # bounds of sum * multiplier that give the value; none where the clamp decides
    reach, pass_over = values * unit - unit // 2, values * unit + unit // 2 - 1
    rising, falling = sums > 0, sums < 0
    below, above = values > low, values < high
    at_least = _quotients(-reach, sums, rising & below), _quotients(-pass_over, sums, falling & above)
    at_most = _quotients(pass_over, sums, rising & above), _quotients(reach, sums, falling & below)
    least = max(0, *(-int(quotients.min(initial=0)) for quotients in at_least))
    most = min((1 << 31) - 1, *(int(quotients.min(initial=(1 << 31) - 1)) for quotients in at_most))
    return (least + most) // 2 if least <= most else None


def _quotients(values: np.ndarray, sums: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return values / sums, rounded down, where `chosen`."""
    return values[chosen] // sums[chosen]
