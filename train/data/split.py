"""Split recordings into train, val and test by group: recordings of one group or source stay together."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stapes.runtime.labels import Annotation

FRACTIONS = {"train": 0.70, "val": 0.15, "test": 0.15}
HELD_OUT = {"train": 0.85, "val": 0.15}


def split_groups(
    groups: Mapping[str, tuple[float, Sequence[Annotation]]],
    fractions: Mapping[str, float] = FRACTIONS,
    placed: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return group -> split, so that each split gets about its fraction of the time and of the events of every class.

    `groups` gives the seconds and the annotations of each group. The largest groups are placed first, each in the split
    where the squared distance from the fractions grows least; every split gets a group if there are enough groups. The
    result is deterministic: the same data gives the same split. Groups in `placed` keep their split, and count.
    """
    names = sorted(groups)
    labels = sorted({each.label for _, events in groups.values() for each in events})
    amounts = np.array([[groups[name][0], *_counts(groups[name][1], labels)] for name in names], np.float64)
    shares = amounts / np.maximum(amounts.sum(axis=0), 1e-9)
    goal = np.array(list(fractions.values()))[:, None]
    have = np.zeros((len(goal), shares.shape[1]))
    chosen = dict(placed or {})
    for index, name in enumerate(names):
        if chosen.get(name) in fractions:
            have[list(fractions).index(chosen[name])] += shares[index]
    for index in sorted(range(len(names)), key=lambda each: (-shares[each].sum(), names[each])):
        if names[index] in chosen:
            continue
        empty = np.flatnonzero(have.sum(axis=1) == 0)
        n_left = len(names) - len(chosen)
        allowed = empty if n_left <= len(empty) else np.arange(len(goal))
        growth = ((have + shares[index] - goal) ** 2 - (have - goal) ** 2).sum(axis=1) / goal[:, 0]
        split = int(allowed[np.argmin(growth[allowed])])
        have[split] += shares[index]
        chosen[names[index]] = list(fractions)[split]
    return chosen


def connected(marks: Sequence[Collection[str]]) -> list[int]:
    """Return a number for each set of marks; sets that share a mark, directly or through other sets, get the same.

    >>> connected([{"dog 1", "cat"}, {"dog 2"}, {"cat", "owl"}, {"owl"}])
    [0, 1, 0, 0]
    """
    columns = {mark: column for column, mark in enumerate(sorted({mark for each in marks for mark in each}))}
    edges = [(row, len(marks) + columns[mark]) for row, each in enumerate(marks) for mark in each]
    size = len(marks) + len(columns)
    rows, targets = np.array(edges, np.int64).reshape(-1, 2).T
    _, component = connected_components(coo_array((np.ones(len(edges)), (rows, targets)), shape=(size, size)), False)
    return [int(each) for each in component[: len(marks)]]


def _counts(events: Sequence[Annotation], labels: Sequence[str]) -> list[int]:
    return [sum(each.label == label for each in events) for label in labels]
