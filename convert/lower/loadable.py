"""Which numbers of a kernel call belong to the training and not to the shape: what a blob may replace.

A blob holds them, and NAME_load checks each of them, so that the kernels stay within what their headers state: no
address depends on a blob, and no sum leaves int32. Everything else of a call is part of the shape, which must be equal.
A kernel that is not listed here cannot be part of a loadable model.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from stapes.convert.lower.operations import Call

Range = tuple[int, int]  # least and greatest value

_CODE: Range = (-128, 127)
_MULTIPLIER: Range = (0, (1 << 31) - 1)
_FACTOR: Range = (-(1 << 31) + 1, (1 << 31) - 1)  # of stapes_nn_add, whose numbers are checked together, too
_CLAMP = {"out_min": _CODE, "out_max": _CODE}
_LARGEST_PRODUCT = 128 * 128  # of two codes


@dataclass(frozen=True)
class ChannelRule:
    """How a kernel rounds the sums of its channels, and the most that the products of a channel add up to."""

    once: bool  # rounds once, as stapes_nn_dense does; otherwise twice
    reach: Callable[[Mapping[str, Any]], int]  # of the numbers of the struct


@dataclass(frozen=True)
class Loadable:
    """The members of a kernel's struct that a blob holds, with their ranges, and the rule for its channels."""

    values: Callable[[Mapping[str, Any]], dict[str, Range]]
    channels: ChannelRule | None = None


def _fixed(**values: Range) -> Callable[[Mapping[str, Any]], dict[str, Range]]:
    return lambda _: values


def _mean(members: Mapping[str, Any]) -> dict[str, Range]:
    """Return the ranges of stapes_nn_mean: a value without its zero point has 9 bits, and |sum << shift| <= 2^30."""
    count = prod(members["reduced"])
    most = max(0, 30 - 9 - (count - 1).bit_length())
    return {
        "bias": (-128 * count, 128 * count),
        "multiplier": _MULTIPLIER,
        "shift": (-31, most),
        "out_zero": _CODE,
    }


def _window(members: Mapping[str, Any]) -> int:
    return members["kernel_height"] * members["kernel_width"] * _LARGEST_PRODUCT


_CONV = Loadable(
    _fixed(in_zero=_CODE, out_zero=_CODE, **_CLAMP),
    ChannelRule(once=False, reach=lambda members: members["in_channels"] * _window(members)),
)
LOADABLE: dict[str, Loadable] = {
    "stapes_nn_conv": _CONV,
    "stapes_nn_conv_4bit": _CONV,
    "stapes_nn_depthwise": Loadable(
        _fixed(in_zero=_CODE, out_zero=_CODE, **_CLAMP), ChannelRule(once=False, reach=_window)
    ),
    "stapes_nn_dense": Loadable(
        _fixed(out_zero=_CODE, **_CLAMP),
        ChannelRule(once=True, reach=lambda members: members["in_size"] * _LARGEST_PRODUCT),
    ),
    "stapes_nn_add": Loadable(_fixed(factor_a=_FACTOR, factor_b=_FACTOR, offset=_FACTOR, shift=(1, 30), **_CLAMP)),
    "stapes_nn_add_requantized": Loadable(
        # (code - zero point) * 2^20 is below 2^28, and twice the sum of two such numbers is below 2^30
        _fixed(
            **dict.fromkeys(("multiplier_a", "multiplier_out"), _MULTIPLIER),
            multiplier_b=_FACTOR,  # below 0 it subtracts
            **dict.fromkeys(("shift_a", "shift_b"), (-31, 0)),
            shift_out=(-31, 1),
            **dict.fromkeys(("zero_a", "zero_b", "out_zero"), _CODE),
            **_CLAMP,
        )
    ),
    "stapes_nn_mul": Loadable(
        # |product| <= 255 * 255 < 2^16, so that it can be shifted by 14 bits
        _fixed(multiplier=_MULTIPLIER, shift=(-31, 14), zero_a=_CODE, zero_b=_CODE, out_zero=_CODE, **_CLAMP)
    ),
    "stapes_nn_mean": Loadable(_mean),
    "stapes_nn_average_pool": Loadable(_fixed(**_CLAMP)),
    "stapes_nn_max_pool": Loadable(_fixed(**_CLAMP)),
    "stapes_nn_lookup": Loadable(_fixed()),
    "stapes_nn_extreme": Loadable(_fixed()),
    "stapes_nn_reduce_extreme": Loadable(_fixed()),
    "stapes_nn_take": Loadable(_fixed()),
}

# Arrays whose values are positions in memory: they are part of the shape.
POSITIONS = ("rows", "columns")


def not_loadable(calls: list[Call]) -> list[str]:
    """Return the names of the layers whose kernels are not listed here, each with its kernel."""
    return [f"{call.name} ({call.kernel})" for call in calls if call.kernel not in LOADABLE]
