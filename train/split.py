"""Recordings to train, val and test by group: what was recorded together stays together."""

from collections.abc import Mapping, Sequence

import numpy as np

from stapes.runtime.labels import Annotation

FRACTIONS = {"train": 0.70, "val": 0.15, "test": 0.15}
HELD_OUT = {"train": 0.85, "val": 0.15}


def split_groups(
    groups: Mapping[str, tuple[float, Sequence[Annotation]]], fractions: Mapping[str, float] = FRACTIONS
) -> dict[str, str]:
    """Return group -> split, so that each split has about its fraction of the time and of every class's events.

    `groups` gives seconds and annotations per group. The largest groups are placed first, each where the squared
    distance from the fractions grows least; every split gets a group while there are enough. No chance is involved: the
    same data gives the same split.
    """
    names = sorted(groups)
    labels = sorted({each.label for _, events in groups.values() for each in events})
    amounts = np.array([[groups[name][0], *_counts(groups[name][1], labels)] for name in names], np.float64)
    shares = amounts / np.maximum(amounts.sum(axis=0), 1e-9)
    goal = np.array(list(fractions.values()))[:, None]
    have = np.zeros((len(goal), shares.shape[1]))
    chosen: dict[str, str] = {}
    for index in sorted(range(len(names)), key=lambda each: (-shares[each].sum(), names[each])):
        empty = np.flatnonzero(have.sum(axis=1) == 0)
        n_left = len(names) - len(chosen)
        allowed = empty if n_left <= len(empty) else np.arange(len(goal))
        growth = ((have + shares[index] - goal) ** 2 - (have - goal) ** 2).sum(axis=1) / goal[:, 0]
        split = int(allowed[np.argmin(growth[allowed])])
        have[split] += shares[index]
        chosen[names[index]] = list(fractions)[split]
    return chosen


def _counts(events: Sequence[Annotation], labels: Sequence[str]) -> list[int]:
    return [sum(each.label == label for each in events) for label in labels]
