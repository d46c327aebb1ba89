"""One rounding, with one shift for all channels of a layer: few instructions where a processor adds products of 64 bits
to upper words.

Kernels of a Layout with `common_shift` form clamp(out_zero + ((sum * multiplier + 2^(31 + shift)) >> (32 + shift))).
This and the reference rise with the sum, so they agree on every sum when they agree on both sides of each sum at which
the reference changes.
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
    """What one output channel becomes: rising `values` of int64 sums within `bound`, about sum * factor."""

    bias: int
    multiplier: int
    shift: int
    factor: float
    bound: int
    values: Callable[[np.ndarray], np.ndarray]


def fields(node: Node, channels: Sequence[Channel], possible: bool) -> dict[str, Field]:
    """Return the fields bias, multiplier, shift and common_shift; the last is 0 where no common shift does or may."""
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
    """Return multipliers below 2^31 and their shift, 1 to LARGEST_SHIFT, or None."""
    _, exponent = math.frexp(max(channel.factor for channel in channels))
    shift = min(LARGEST_SHIFT, -1 - exponent)
    if shift < 1:
        return None
    multipliers = [_multiplier(channel, shift, low, high) for channel in channels]
    return None if None in multipliers else ([m for m in multipliers if m is not None], shift)


def _multiplier(channel: Channel, shift: int, low: int, high: int) -> int | None:
    """Multiplier in the middle of those that agree with the channel; None where there is none."""
    if channel.factor == 0:
        return 0
    changes = np.clip((np.arange(low, high) + 0.5) / channel.factor, -channel.bound, channel.bound)
    near = np.floor(changes).astype(np.int64)[:, None] + np.arange(-2, 4)
    sums = np.unique(np.append(np.clip(near, -channel.bound, channel.bound), (-channel.bound, channel.bound)))
    values = np.clip(channel.values(sums), low, high)
    unit = 1 << (32 + shift)
    # what sum * multiplier has to reach, and must not pass, for the value; nothing where the clamp holds it
    reach, pass_over = values * unit - unit // 2, values * unit + unit // 2 - 1
    rising, falling = sums > 0, sums < 0
    below, above = values > low, values < high
    at_least = _quotients(-reach, sums, rising & below), _quotients(-pass_over, sums, falling & above)
    at_most = _quotients(pass_over, sums, rising & above), _quotients(reach, sums, falling & below)
    least = max(0, *(-int(quotients.min(initial=0)) for quotients in at_least))
    most = min((1 << 31) - 1, *(int(quotients.min(initial=(1 << 31) - 1)) for quotients in at_most))
    return (least + most) // 2 if least <= most else None


def _quotients(values: np.ndarray, sums: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """values / sums rounded down, where chosen."""
    return values[chosen] // sums[chosen]
