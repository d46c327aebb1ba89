"""The sounds that are most like a given one, by their timbre.

The distance of two sounds is the Euclidean distance of their timbres (runtime/onsets.py): the unit spectrum of what
rises above the background, and with a quarter of the weight log2 of the duration and the place of the loudest moment.
`make bench-suggest` measures how many of the twenty most alike have the label of the one that they are like.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stapes.train.label.sounds import Sound

_BLOCK = 256  # sounds whose distances from all others are in memory at a time
DURATION_WEIGHT = 0.25  # of the last two values of a timbre; the norm of the spectrum is 1


def comparable(timbre: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return timbres [sounds, bands + 2] with the weights that make Euclidean distances comparable."""
    return timbre * np.array([1.0] * (timbre.shape[1] - 2) + [DURATION_WEIGHT] * 2)


def distances(one: Sequence[Sound], others: Sequence[Sound]) -> NDArray[np.float64]:
    """Return the distance of each sound of `one` from each of `others`, float64[len(one), len(others)]."""
    if not one or not others:
        return np.zeros((len(one), len(others)))
    a, b = (comparable(np.array([each.timbre for each in sounds])) for sounds in (one, others))
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.sqrt(np.maximum(squared, 0))


def nearest(sounds: Sequence[Sound], others: Sequence[Sound], elsewhere: bool = False) -> NDArray[np.float64]:
    """Return the distance of each sound from the nearest of `others`, float64[sounds]; infinite where there is none.

    elsewhere: only others in another recording count.
    """
    names = np.array([each.recording for each in others])
    least = np.full(len(sounds), np.inf)
    for begin in range(0, len(sounds) if others else 0, _BLOCK):
        block = sounds[begin : begin + _BLOCK]
        away = distances(block, others)
        if elsewhere:
            away[np.array([each.recording for each in block])[:, None] == names] = np.inf
        least[begin : begin + _BLOCK] = away.min(axis=1)
    return least


def most_alike(sound: Sound, others: Sequence[Sound], count: int) -> list[Sound]:
    """Return the `count` most alike of other sounds, the most alike first; equal ones by recording and time."""
    order = sorted(
        zip(distances([sound], others)[0].round(9).tolist(), others, strict=True),
        key=lambda pair: (pair[0], pair[1].recording, pair[1].onset),
    )
    return [each for _, each in order[:count]]
