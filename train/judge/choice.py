"""The setting that is chosen for one class among all candidates, with or without a budget of false alarms.

Without a budget it has the highest mean of two event F1s, by onset and by onset and offset, that is to be expected when
the scores of other rooms and devices are shifted against these: averaged over shifts of both thresholds, their ratio
kept, and over the neighbouring settings of the grid. A peak that its neighbours do not share is due to chance, and a
threshold at the edge of a plateau fails on scores that are a little lower. For a class with point labels, which do not
say when an event ends, the F1 by onset counts alone.

With a budget it is one of those whose expected alarms show, with 90 % confidence, that the budget is kept: the one with
the highest recall, less 0.3 of it for expected alarms that use up the budget, and in proportion for fewer. Thresholds
that find as much with fewer alarms leave room for what other rooms bring. Expected are the alarms averaged over shifts
of the thresholds, or those that were counted where they are more: in other rooms more sounds reach a threshold than in
those that it was chosen in. A threshold counts at least as many as each higher one, because far down all sounds merge
into a few long events. docs/training-notes.md compares this with other rules. Where the hours are too few to show
it, it is chosen in the same way of those that keep the budget by the estimate, of expected alarms or else of counted
ones.

Where settings are chosen by overlap (`hits = "overlap"`), the F1 and the recall by overlap take the place of those by
times.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from stapes.firmware_sim.device.events import SILENT, EventConfig
from stapes.train.judge.alarm_budget import most_alarms
from stapes.train.judge.candidates import (
    ALARMS,
    ANNOTATED,
    COLUMNS,
    DETECTED,
    ELSEWHERE,
    FOLDS,
    FOUND,
    HITS_BOTH,
    HITS_ONSET,
    Candidates,
)

AVERAGED_OVER = 0.3  # standard deviation, in settings of the grid, of the Gaussian by which neighbours are averaged
WIDE = 0.001  # weight of an average over wide shifts, which finds the middle of a plateau whose settings are equal else
WIDE_LOGITS = 3.0  # their standard deviation
ALARM_SHIFT_LOGITS = 0.5  # standard deviation of the shift over which alarms are expected
COST_OF_BUDGET = 0.3  # of the recall, what expected alarms cost that use up the budget
SHIFT_LOGITS = 0.75  # standard deviation of the shift of scores that other sources, scenes and devices may bring


Hits = Literal["onset", "overlap"]  # what counts as heard


class Verdict(Enum):
    """Whether a setting keeps the budget of its class."""

    NO_BUDGET = "no budget"
    SHOWN = "shown"
    ESTIMATED = "estimated"  # kept by the estimate, which the hours do not show
    UNMET = "unmet"  # no setting that finds an event keeps it
    NOTHING_FOUND = "nothing found"  # no setting finds an event


@dataclass(frozen=True)
class Choice:
    """A setting and whether it keeps the budget; if UNMET, the setting with the fewest alarms that finds an event."""

    config: EventConfig
    verdict: Verdict
    expected_alarms: float = 0.0  # where thresholds are shifted, in the time in which alarms were counted


def choose(candidates: Candidates, folds: Iterable[int] = range(FOLDS)) -> Choice:
    """Return the setting that is best on these folds; thresholds of 1/2 where none finds an event in them."""
    settings = candidates.settings
    if candidates.label in settings.silent:
        return Choice(SILENT, Verdict.NO_BUDGET)
    chosen = list(folds)
    if not np.isin(candidates.fold[: len(candidates.sources)], chosen).any():
        return Choice(EventConfig(on_score=0, off_score=0), Verdict.NO_BUDGET)
    counts = candidates.counts[..., chosen, :].sum(axis=-2, dtype=np.int64)
    hits = counts[..., heard_column(settings.hits)]
    if not hits.any():
        return Choice(EventConfig(on_score=0, off_score=0), Verdict.NOTHING_FOUND)
    budget = settings.budget(candidates.label)
    # At a low threshold events merge into few long ones, so that all higher thresholds have to keep the limit, too.
    alarms = np.maximum.accumulate(counts[..., ALARMS][:, ::-1], axis=1)[:, ::-1]
    expected = _expected_alarms(alarms, settings.on_logit_step)
    hours, whole = candidates.alarm_hours[np.isin(candidates.fold, chosen)].sum(), candidates.alarm_hours.sum()
    if not budget or not hours:  # without any time in which to count alarms the best F1 is all there is to go by
        value = _expected_f1(_f1(candidates, counts), settings.on_logit_step)
        verdict = Verdict.ESTIMATED if budget else Verdict.NO_BUDGET
    else:
        # A part of the hours may hold its part of the alarms that show in all of them that the budget is kept.
        allowed = budget * hours
        limits = (
            (Verdict.SHOWN, expected, most_alarms(budget, whole) * hours / whole),
            (Verdict.ESTIMATED, expected, allowed),
            (Verdict.ESTIMATED, alarms, allowed),
        )
        value, verdict = _best_within(hits, alarms, limits)
        if verdict is not Verdict.UNMET:
            value = allowed * value - COST_OF_BUDGET * expected
    best = np.unravel_index(value.argmax(), value.shape)
    return Choice(candidates.grid[best], verdict, float(expected[best]))


def chosen_apart(candidates: Candidates) -> NDArray[np.int64]:
    """Return int64[units, 7]: what is found of each unit with the setting that is best on the other folds."""
    counts = np.zeros((len(candidates.hours), COLUMNS), np.int64)
    for fold in range(FOLDS):
        held_out = candidates.fold == fold
        config = choose(candidates, (other for other in range(FOLDS) if other != fold)).config
        counts[held_out] = candidates.by_unit(config)[held_out]
    return counts


def heard_column(hits: Hits) -> int:
    """Return the column of counts that holds the annotated events that were heard, by onset or by overlap."""
    return FOUND if hits == "overlap" else HITS_ONSET


def _f1(candidates: Candidates, counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return [*grid]: F1 by overlap; by onset where labels are points; or the mean of onset, and onset and offset."""
    if candidates.settings.hits == "overlap":
        found = counts[..., FOUND]
        return np.asarray(2 * found / (counts[..., ANNOTATED] + found + counts[..., ELSEWHERE]))
    also = HITS_BOTH if candidates.has_durations else HITS_ONSET
    heard = counts[..., HITS_ONSET] + counts[..., also]
    return np.asarray(heard / (counts[..., ANNOTATED] + counts[..., DETECTED]))


def _expected_f1(values: NDArray[np.float64], on_logit_step: float) -> NDArray[np.float64]:
    """Return [*grid]: the values averaged over shifts of scores and neighbouring settings, as said above."""
    # The second axis has the on thresholds, at equal distances of the logit.
    near, wide = [AVERAGED_OVER] * values.ndim, [1.0] * values.ndim
    near[1], wide[1] = SHIFT_LOGITS / on_logit_step, WIDE_LOGITS / on_logit_step
    # Beyond the thresholds that are tried nothing is known, so that wide shifts there count as failures.
    modes = ["nearest"] * values.ndim
    average = np.asarray(gaussian_filter(values, near, mode=modes))
    modes[1] = "constant"
    return average + WIDE * np.asarray(gaussian_filter(values, wide, mode=modes))


def _expected_alarms(alarms: NDArray[np.int64], on_logit_step: float) -> NDArray[np.float64]:
    """Return [*grid]: the alarms averaged over shifts of both thresholds, or those counted where these are more."""
    shift = ALARM_SHIFT_LOGITS / on_logit_step
    return np.maximum(alarms, gaussian_filter1d(alarms.astype(np.float64), shift, axis=1, mode="nearest"))


def _best_within(
    hits: NDArray[np.int64], alarms: NDArray[np.int64], limits: Iterable[tuple[Verdict, NDArray[Any], float]]
) -> tuple[NDArray[np.float64], Verdict]:
    """Return [*grid], higher is better, and the verdict of the first limit that can be kept.

    limits: a verdict, numbers of alarms, [*grid], and the most of them that are allowed. Only settings that find an
    event can keep one. The value is the recall, divided by the best one within the limit; where none can be
    kept, fewer alarms are better.
    """
    for verdict, counted, most in limits:
        within = (hits > 0) & (counted <= most)
        if within.any():
            return np.where(within, hits / hits[within].max(), -np.inf), verdict
    return np.where(hits > 0, 1e-6 * hits - alarms, -np.inf), Verdict.UNMET
