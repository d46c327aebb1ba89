"""Stretches of constant samples, as a muted microphone gives them."""

from itertools import groupby

import numpy as np
import pytest

from stapes.train.data.constant import constant_stretches


@pytest.mark.parametrize("seed", range(20))
def test_stretches_are_found_however_the_sound_is_cut_into_blocks(seed: int) -> None:
    """The referee is `itertools.groupby`, sample by sample."""
    generator = np.random.default_rng(seed)
    values = generator.choice([0, 700, -32768, 32767], 60).astype(np.int16)
    pcm = np.repeat(values, generator.choice([0, 1, 2, 9, 10, 11, 40], 60))
    blocks = np.split(pcm, np.sort(generator.integers(0, len(pcm) + 1, 9)))
    expected, first = [], 0
    for _, same in groupby(pcm.tolist()):
        end = first + len(list(same))
        expected += [[first, end]] * (end - first >= 10)
        first = end
    assert expected
    assert constant_stretches(iter(blocks), 10).tolist() == expected


def test_there_are_none_where_there_is_no_sound() -> None:
    assert constant_stretches([], 10).shape == (0, 2)
    assert constant_stretches([np.zeros(0, np.int16)], 10).shape == (0, 2)
