"""The operating point: how the scores of each class become events, chosen on labelled recordings.

Every setting of a grid of thresholds, hystereses, smoothings, merge gaps and minimum durations is tried. The best one
has the highest mean of two event F1s, by onset and by onset and offset, averaged over the neighbouring settings of the
grid: a peak that its neighbours do not share is due to chance and would not be there in other recordings. With a budget
of false alarms it is the one with the highest recall by onset within the budget.
docs/training-notes.md shows what each rule reaches on sources that it was not chosen on.
"""

import logging
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from stapes.firmware_sim.device.events import EventConfig
from stapes.runtime.console import Progress
from stapes.train.data.label_checks import MIN_SOURCES
from stapes.train.judge.candidates import ANNOTATED, DETECTED, FOLDS, HITS_BOTH, HITS_ONSET, Candidates
from stapes.train.judge.metrics import EventScores, resample_weights, scores_of_counts
from stapes.train.judge.scored import ScoredRecordings
from stapes.train.settings import OperatingPointSettings

logger = logging.getLogger(__name__)

AVERAGED_OVER = 0.5  # standard deviation, in settings of the grid, of the Gaussian by which neighbours are averaged


class OperatingPoint:
    """The event setting of each class that is best on some scores, and what to expect of it on other sources.

    configs: one EventConfig per class. task: the name of the progress bar.
    """

    def __init__(self, scored: ScoredRecordings, settings: OperatingPointSettings, task: str = "thresholds") -> None:
        self._scored, self._settings = scored, settings
        self._candidates = [Candidates(scored, label, settings) for label in scored.classes]
        progress = Progress(task, len(scored.classes))
        configs = []
        for candidates in self._candidates:
            configs.append(_best(candidates, range(FOLDS)))
            progress.advance(candidates.label)
            if not candidates.annotated:
                logger.warning(f"{candidates.label!r} has no events to choose thresholds on; they stay at 1/2")
        progress.close()
        self.configs = tuple(configs)

    def expected_on_other_sources(self) -> EventScores | None:
        """Return the figures to expect on other sources: each fold is judged with settings chosen on the other folds.

        Intervals come from resampling sources and groups of recordings. Classes whose events all come from one source
        are left out; returns None if no class is left, or if there is only one group.
        """
        with_sources = [each for each in self._candidates if len(each.sources) >= MIN_SOURCES]
        if not with_sources or len(with_sources[0].groups) < MIN_SOURCES:
            return None
        counts = [_held_out(candidates) for candidates in with_sources]
        n_groups = len(with_sources[0].groups)
        n_units = sum(len(each.sources) for each in with_sources) + n_groups
        table = np.zeros((2, n_units, len(with_sources), 3), np.int64)
        first = 0
        for column, (candidates, own) in enumerate(zip(with_sources, counts, strict=True)):
            rows = np.r_[first : first + len(candidates.sources), n_units - n_groups : n_units]
            for collar, hits in enumerate((HITS_ONSET, HITS_BOTH)):
                table[collar, rows, column] = own[:, [hits, ANNOTATED, DETECTED]]
            first += len(candidates.sources)
        sizes = [*(len(each.sources) for each in with_sources), n_groups]
        weights = np.concatenate([resample_weights(size, seed=seed) for seed, size in enumerate(sizes)], axis=1)
        hours = np.concatenate([np.zeros(n_units - n_groups), with_sources[0].hours[-n_groups:]])
        labels = [each.label for each in with_sources]
        return scores_of_counts(table[0], table[1], hours, weights, len(self._scored.names), labels)

    def unmet_budgets(self) -> list[str]:
        """Return a line for each class that can meet its budget of false alarms only without finding any event."""
        lines = []
        for candidates, config in zip(self._candidates, self.configs, strict=True):
            budget = self._settings.budget(candidates.label)
            if not budget or not candidates.annotated or candidates.by_unit(config)[:, HITS_ONSET].any():
                continue
            counts = candidates.counts.sum(axis=-2)
            hits = counts[..., HITS_ONSET]
            per_hour = (counts[..., DETECTED] - hits)[hits > 0] / candidates.hours.sum()
            fewest = f"; settings that find any raise at least {per_hour.min():.1f}" if len(per_hour) else ""
            lines.append(f"{candidates.label}: no event is found within {budget:g} false alarms per hour{fewest}")
        return lines

    def describe(self, split: str, expected: EventScores | None) -> dict[str, Any]:
        """Return what detector.json keeps: the rule of each class, the split it was chosen on, the figures to expect.

        expected: of `expected_on_other_sources`.
        """
        best_f1 = "best mean of event F1 by onset and by onset and offset, over neighbouring settings"
        budgets = {label: self._settings.budget(label) for label in self._scored.classes}
        within = "best recall within {:g} false alarms per hour"
        rules = {label: within.format(budget) if budget else best_f1 for label, budget in budgets.items()}
        return {
            "rule": rules,
            "chosen_on": split,
            "expected": None if expected is None else expected.as_dict(),
            "expected_by": f"{FOLDS} folds of sources, each judged with settings chosen on the others",
        }


def choose_settings(
    scored: ScoredRecordings, settings: OperatingPointSettings, task: str = "thresholds"
) -> tuple[EventConfig, ...]:
    """Return one setting per class, the best on these scores."""
    return OperatingPoint(scored, settings, task).configs


def _best(candidates: Candidates, folds: Iterable[int]) -> EventConfig:
    """Return the setting that is best on these folds; thresholds of 1/2 where no event is annotated in them."""
    chosen = list(folds)
    counts = candidates.counts[..., chosen, :].sum(axis=-2).astype(np.float64) if candidates.annotated else np.zeros(4)
    annotated = float(counts[..., ANNOTATED].max())
    if not annotated:
        return EventConfig(on_score=0, off_score=0)
    budget = candidates.settings.budget(candidates.label)
    if budget:
        hours = candidates.hours[np.isin(candidates.fold, chosen)].sum()
        value = _rank_within_budget(counts, budget * hours)
    else:
        # F1 = 2 hits / (annotated + detected); the mean of both is this.
        hits = counts[..., HITS_ONSET] + counts[..., HITS_BOTH]
        value = _averaged_over_neighbours(hits / (counts[..., ANNOTATED] + counts[..., DETECTED]))
    best: EventConfig = candidates.grid[np.unravel_index(value.argmax(), value.shape)]
    return best


def _rank_within_budget(counts: NDArray[np.float64], most: float) -> NDArray[np.float64]:
    """Return [*grid], higher is better: hits by onset, then fewer false alarms; negative with more than `most`."""
    alarms = counts[..., DETECTED] - counts[..., HITS_ONSET]
    return np.where(alarms <= most, counts[..., HITS_ONSET] - 1e-6 * alarms, -1 - alarms)


def _averaged_over_neighbours(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(gaussian_filter(values, AVERAGED_OVER, mode="nearest"))


def _held_out(candidates: Candidates) -> NDArray[np.int64]:
    """Return int64[units, 4]: what is found of each unit with the setting that is best on the other folds."""
    counts = np.zeros((len(candidates.hours), 4), np.int64)
    for fold in range(FOLDS):
        held_out = candidates.fold == fold
        config = _best(candidates, (other for other in range(FOLDS) if other != fold))
        counts[held_out] = candidates.by_unit(config)[held_out]
    return counts
