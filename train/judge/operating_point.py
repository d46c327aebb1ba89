"""The operating point: how the scores of each class become events, chosen on labelled recordings.

Every setting of a grid of thresholds, hystereses, smoothings, merge gaps and minimum durations is tried; choice.py says
which one is best. False alarms that budgets limit are detected events that touch no annotated event of the class. They
are counted in the time without such events, and in the background: recordings that are free of events.
docs/training-notes.md shows what each rule reaches on sources, scenes and devices that it was not chosen on.
"""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.events import SILENT, EventConfig
from stapes.runtime.console import Progress
from stapes.train.data.label_checks import MIN_SOURCES
from stapes.train.judge.alarm_budget import AlarmRate, hours_text, not_shown, rate_text, too_few_hours
from stapes.train.judge.candidates import (
    ALARMS,
    ANNOTATED,
    DETECTED,
    ELSEWHERE,
    FOLDS,
    FOUND,
    HITS_BOTH,
    HITS_ONSET,
    Candidates,
)
from stapes.train.judge.choice import Verdict, choose, chosen_apart, heard_column
from stapes.train.judge.metrics import DETECTED as COUNTED
from stapes.train.judge.metrics import REFERENCE, TP, Counts, EventScores, resample_weights, scores_of_counts
from stapes.train.judge.scored import ScoredRecordings
from stapes.train.settings import OperatingPointSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClassPoint:
    """The setting of one class and how it keeps its budget of false alarms."""

    label: str
    config: EventConfig
    rule: str  # by which it was chosen
    rate: AlarmRate  # of false alarms, where the setting was chosen
    unmet: str = ""  # what the class can do at best if it cannot meet its budget
    not_shown: str = ""  # what it takes to show that the budget is met, if that is not shown
    is_former: bool = False  # whether the class keeps the setting that it had


class OperatingPoint:
    """The event setting of each class that is best on some scores, and what to expect of it on other sources.

    points: one ClassPoint per class; configs: the EventConfig of each; left_alone: classes that keep former settings
    because they cannot meet their budget, or because there are no events to choose by.
    """

    def __init__(
        self,
        scored: ScoredRecordings,
        settings: OperatingPointSettings,
        task: str = "thresholds",
        *,
        background: ScoredRecordings | None = None,
        former: Sequence[EventConfig] | None = None,
    ) -> None:
        """Choose the settings; `task` is the name of the progress bar.

        background: recordings that are free of events. former: settings, one per class, that a class keeps if it cannot
        meet its budget; without them it gets the setting with the fewest alarms of all that find an event.
        """
        self._scored, self._settings = scored, settings
        self._candidates = [Candidates(scored, label, settings, background) for label in scored.classes]
        progress = Progress(task, len(scored.classes))
        points = []
        for index, candidates in enumerate(self._candidates):
            points.append(_class_point(candidates, former[index] if former else None))
            progress.advance(candidates.label)
        progress.close()
        self.points = tuple(points)
        self.configs = tuple(point.config for point in points)
        self.left_alone = tuple(point.label for point in points if point.is_former)

    def expected_on_other_sources(self) -> EventScores | None:
        """Return the figures to expect on other sources: each fold is judged with settings chosen on the other folds.

        Intervals come from resampling sources and groups of recordings. Classes that are silent or whose events all
        come from one source are left out; returns None if no class is left, or if there is only one group.
        """
        with_sources = [each for each in self._candidates if each.label in self._chosen_apart]
        if not with_sources:
            return None
        n_groups = len(with_sources[0].groups)
        n_units = sum(len(each.sources) for each in with_sources) + n_groups
        table = np.zeros((3, n_units, len(with_sources), 3), np.int64)
        first = 0
        for column, candidates in enumerate(with_sources):
            n_sources = len(candidates.sources)
            rows = np.r_[first : first + n_sources, n_units - n_groups : n_units]
            own = self._chosen_apart[candidates.label][: n_sources + n_groups]  # without the background
            for collar, hits in enumerate((HITS_ONSET, HITS_BOTH)):
                table[collar, rows, column] = own[:, [hits, ANNOTATED, DETECTED]]
            if candidates.has_durations:
                table[2, rows, column, TP] = own[:, FOUND]
                table[2, rows, column, REFERENCE] = own[:, ANNOTATED]
                table[2, rows, column, COUNTED] = own[:, FOUND] + own[:, ELSEWHERE]
            first += n_sources
        sizes = [*(len(each.sources) for each in with_sources), n_groups]
        weights = np.concatenate([resample_weights(size, seed=seed) for seed, size in enumerate(sizes)], axis=1)
        one = with_sources[0]
        hours = np.concatenate([np.zeros(n_units - n_groups), one.hours[len(one.sources) :][:n_groups]])
        labels = [each.label for each in with_sources]
        return scores_of_counts(Counts(table[0], table[1], table[2], hours), weights, len(self._scored.names), labels)

    def alarms(self, label: str, config: EventConfig) -> AlarmRate:
        """Return the false alarms of a class under any setting, where the settings were chosen."""
        (candidates,) = (each for each in self._candidates if each.label == label)
        return alarm_rate(candidates, config)

    def alarms_on_other_sources(self) -> dict[str, AlarmRate]:
        """Return the false alarms of each class that has an estimate, by the same folds, background included."""
        return {
            each.label: AlarmRate(int(self._chosen_apart[each.label][:, ALARMS].sum()), float(each.alarm_hours.sum()))
            for each in self._candidates
            if each.label in self._chosen_apart
        }

    @cached_property
    def _chosen_apart(self) -> dict[str, NDArray[np.int64]]:
        """What is found of each unit with settings chosen on other folds, for each class with sources to hold out.

        Settings that a class keeps were not chosen here, so they are judged on all units.
        """
        return {
            each.label: each.by_unit(config) if each.label in self.left_alone else chosen_apart(each)
            for each, config in zip(self._candidates, self.configs, strict=True)
            if min(len(each.sources), len(each.groups)) >= MIN_SOURCES and config != SILENT
        }

    def warnings(self) -> list[str]:
        """Return a line for each class that does not meet its budget of false alarms, or is not shown to meet it."""
        return [line for point in self.points for line in (point.unmet, point.not_shown) if line]

    def describe(self, split: str, expected: EventScores | None) -> dict[str, Any]:
        """Return what detector.json keeps: the rule of each class, how and where it was chosen, the figures to expect.

        expected: of `expected_on_other_sources`.
        """
        return {
            "rule": {point.label: point.rule for point in self.points},
            "settings": asdict(self._settings),
            "chosen_on": split,
            "alarms": {point.label: point.rate.as_dict() for point in self.points},
            "expected": None if expected is None else expected.as_dict(),
            "expected_alarms": {label: rate.as_dict() for label, rate in self.alarms_on_other_sources().items()},
            "expected_by": f"{FOLDS} folds of sources, each judged with settings chosen on the others",
        }


def choose_settings(
    scored: ScoredRecordings,
    settings: OperatingPointSettings,
    task: str = "thresholds",
    background: ScoredRecordings | None = None,
) -> tuple[EventConfig, ...]:
    """Return one setting per class, the best on these scores; background: recordings that are free of events."""
    return OperatingPoint(scored, settings, task, background=background).configs


def _class_point(candidates: Candidates, former: EventConfig | None) -> ClassPoint:
    label, settings = candidates.label, candidates.settings
    choice, budget = choose(candidates), settings.budget(label)
    rate, recall = _reached(candidates, choice.config)
    if choice.config == SILENT:
        return ClassPoint(label, SILENT, "silent", rate)
    if not candidates.annotated or choice.verdict is Verdict.NOTHING_FOUND:
        return _unchosen_point(candidates, former)
    if not budget:
        rule = f"best {_figure(candidates)}, expected where scores are shifted"
        return ClassPoint(label, choice.config, rule, rate)
    limit = f"{budget:g} false alarms per hour"
    if choice.verdict is not Verdict.UNMET:
        enough, by = choice.verdict is Verdict.SHOWN, " by overlap" if settings.hits == "overlap" else ""
        not_shown = "" if enough else f"{label}: {_why_not_shown(budget, rate, choice.expected_alarms)}"
        return ClassPoint(
            label, choice.config, f"best recall{by}, less what alarms cost, within {limit}", rate, not_shown=not_shown
        )
    if settings.silence_unmet:
        config, fate = SILENT, "it is set silent"
    elif former:
        config, fate = former, "its settings stay as they were"
    else:
        config, fate = choice.config, "it has these settings"
    best = f"the fewest with which any event is found are {rate_text(rate.per_hour)} (recall {recall:.2f})"
    unmet = (
        f"{label}: {limit} cannot be met: {best}; {fate}. Raise the limit, silence {label}, or train on more "
        f"recordings without {label}"
    )
    kept = config == former
    return ClassPoint(label, config, f"{limit} cannot be met", _reached(candidates, config)[0], unmet, is_former=kept)


def _unchosen_point(candidates: Candidates, former: EventConfig | None) -> ClassPoint:
    """Return the point of a class with nothing to choose by: its former settings, or thresholds of 1/2."""
    label, budget = candidates.label, candidates.settings.budget(candidates.label)
    config = former or EventConfig(on_score=0, off_score=0)
    fate = "its settings stay as they were" if former else "its thresholds are 1/2"
    if candidates.annotated:
        rule = "no thresholds find an event"
        logger.warning(
            f"{label!r}: no thresholds find any of its {candidates.annotated} labelled events; {fate}; check the "
            "labels, or train on more recordings"
        )
    else:
        rule = "no events to choose by"
        logger.warning(f"{label!r} has no events to choose thresholds on; {fate}")
    rate, unmet, not_shown = alarm_rate(candidates, config), "", ""
    if budget and rate.per_hour > budget:
        unmet = f"{label}: {budget:g} false alarms per hour are not kept, as there are {rate}"
        if candidates.settings.silence_unmet:
            return ClassPoint(label, SILENT, rule, AlarmRate(0, rate.hours), f"{unmet}; it is set silent")
        unmet += "; set its threshold by hand, or silence it"
    elif budget and rate.at_most > budget and config != SILENT:
        not_shown = f"{label}: {_why_not_shown(budget, rate)}"
    return ClassPoint(label, config, rule, rate, unmet, not_shown, is_former=former is not None)


def _figure(candidates: Candidates) -> str:
    """Return the name of the figure by which a setting is chosen."""
    if candidates.settings.hits == "overlap":
        return "event F1 by overlap"
    return "mean of event F1 by onset and by onset and offset" if candidates.has_durations else "event F1 by onset"


def alarm_rate(candidates: Candidates, config: EventConfig) -> AlarmRate:
    """Return the false alarms of a class under any setting."""
    return _reached(candidates, config)[0]


def _reached(candidates: Candidates, config: EventConfig) -> tuple[AlarmRate, float]:
    """Return the false alarms of a setting and its recall, nan without annotated events.

    The recall is by onset or by overlap, as the setting is chosen.
    """
    counts = candidates.by_unit(config).sum(axis=0)
    recall = counts[heard_column(candidates.settings.hits)] / counts[ANNOTATED] if counts[ANNOTATED] else float("nan")
    return AlarmRate(int(counts[ALARMS]), float(candidates.alarm_hours.sum())), float(recall)


def _why_not_shown(budget: float, rate: AlarmRate, expected_alarms: float | None = None) -> str:
    """Return why the alarms do not show the budget; expected_alarms: where scores are shifted, None if not known."""
    if sentence := too_few_hours(budget, rate.hours):
        return sentence
    counted, expected = f"{rate.alarms} were counted in {hours_text(rate.hours)}", ""
    at_most = rate.at_most
    if expected_alarms is not None:
        expected = f", {expected_alarms:.1f} are to be expected where scores are shifted, as in other rooms"
        at_most = AlarmRate(expected_alarms, rate.hours).at_most
    return not_shown(budget, f"{counted}{expected}, and there may be {rate_text(at_most)} per hour")
