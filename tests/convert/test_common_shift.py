"""Multipliers for one shift of all channels, against the rounding that LiteRT's reference states."""

from functools import partial

import numpy as np

from stapes.convert.lower.arithmetic import round_once_array, single_rounding
from stapes.convert.lower.common_shift import Channel, common_multipliers


def test_multipliers_of_a_common_shift_round_every_sum_as_the_reference() -> None:
    rng = np.random.default_rng(0)
    with_one = 0
    for _ in range(60):
        low, high = sorted(rng.integers(-255, 256, 2).tolist())
        bound = int(rng.integers(1, 60_000))
        reals = np.exp(rng.uniform(-9, -3) + rng.uniform(-2, 2, 5)).tolist()
        channels = []
        for real in reals:
            multiplier, shift = single_rounding(real, bound, low, high)
            values = partial(round_once_array, multiplier=multiplier, shift=shift)
            channels.append(Channel(0, multiplier, shift, multiplier * 2.0**-shift, bound, values))
        found = common_multipliers(channels, low, high)
        if found is None:
            continue
        with_one += 1
        sums = np.arange(-bound, bound + 1)
        for real, multiplier in zip(reals, found[0], strict=True):
            wanted = np.clip(np.copysign(np.floor(np.abs(sums * real) + 0.5), sums), low, high)
            given = np.clip(round_once_array(sums, multiplier, 32 + found[1]), low, high)
            assert np.array_equal(given, wanted)
    assert with_one > 50


def test_factors_of_a_half_and_more_have_no_common_shift() -> None:
    channel = Channel(0, 1 << 30, 30, 1.0, 100, partial(round_once_array, multiplier=1 << 30, shift=30))
    assert common_multipliers([channel], -128, 127) is None
