"""How high the scores of a class get while it is not there, to compare another place with the recordings of `val`."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from stapes.runtime.labels import Annotation
from stapes.train.data.corpus import event_samples
from stapes.train.judge.event_free import MARGIN_S
from stapes.train.judge.scored import ScoredRecordings, Scores
from stapes.train.learn.targets import step_targets

SHARES = (0.5, 0.99, 0.999, 1.0)  # of time, in which a score is no higher

Levels = list[int]  # the int8 score of each share


def levels_of(scores: Iterable[Scores], column: int) -> Levels:
    """Return the levels of a class in all steps of some recordings, of which there is at least one."""
    return _levels(np.concatenate([each[:, column] for each in scores]))


def event_free_levels(scored: ScoredRecordings) -> dict[str, Levels]:
    """Return the levels of each class in the steps that lie MARGIN_S and more from its events.

    A class without such steps is left out.
    """
    kept: dict[str, list[NDArray[np.int8]]] = {label: [] for label in scored.classes}
    for name, scores in zip(scored.names, scored.scores, strict=True):
        around = [
            Annotation(max(0.0, each.onset - MARGIN_S), each.offset + MARGIN_S, each.label)
            for each in scored.reference.get(name, ())
        ]
        events = event_samples(around, scored.classes, scored.clock.sample_rate_hz)
        free = step_targets(scored.clock, len(scores), events, len(scored.classes)) == 0
        free[: scored.clock.target_delay_steps] = False  # these are for time before the recording
        for column, label in enumerate(scored.classes):
            kept[label].append(scores[free[:, column], column])
    together = {label: np.concatenate(each) for label, each in kept.items()}
    return {label: _levels(each) for label, each in together.items() if len(each)}


def _levels(scores: NDArray[np.int8]) -> Levels:
    return [int(level) for level in np.quantile(scores, SHARES, method="higher")]
