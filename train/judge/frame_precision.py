"""Average precision over steps: how well the scores of a class tell its events from everything else, at any threshold.

Scores are int8, so that a table of 256 counts per recording holds all that is needed, for any resampling of recordings.
"""

import numpy as np
from numpy.typing import NDArray

from stapes.train.data.corpus import event_samples
from stapes.train.judge.scored import ScoredRecordings
from stapes.train.learn.targets import step_targets

LEVELS = 256  # of int8 scores
ALL, ACTIVE = 0, 1  # last axis of counts


def score_counts(scored: ScoredRecordings) -> NDArray[np.int64]:
    """Return int64[classes, recordings, 256, 2]: how many steps have each score, and how many of them are active.

    Scores go from the highest, 127, to the lowest. A step is active where an event covers at least half of it, as in
    training (`step_targets`).
    """
    counts = np.zeros((len(scored.classes), len(scored.names), LEVELS, 2), np.int64)
    rate = scored.clock.sample_rate_hz
    for row, (name, scores) in enumerate(zip(scored.names, scored.scores, strict=True)):
        events = event_samples(scored.reference.get(name, ()), scored.classes, rate)
        active = step_targets(scored.clock, len(scores), events, len(scored.classes)) >= 0.5
        level = 127 - scores.astype(np.int64)
        for column in range(len(scored.classes)):
            counts[column, row, :, ALL] = np.bincount(level[:, column], minlength=LEVELS)
            counts[column, row, :, ACTIVE] = np.bincount(level[active[:, column], column], minlength=LEVELS)
    return counts


def average_precision(counts: NDArray[np.float64] | NDArray[np.int64]) -> NDArray[np.float64]:
    """Return sum((R_n - R_(n-1)) P_n) over all thresholds n, of counts [..., 256, 2]; nan where no step is active.

    P_n and R_n are precision and recall at the threshold (sklearn.metrics.average_precision_score, the referee of the
    tests).
    """
    total = np.cumsum(counts, axis=-2, dtype=np.float64)
    found = counts[..., ACTIVE] / np.where(total[..., -1:, ACTIVE] > 0, total[..., -1:, ACTIVE], np.nan)
    precision = total[..., ACTIVE] / np.maximum(total[..., ALL], 1e-12)
    return np.asarray((found * precision).sum(axis=-1))
