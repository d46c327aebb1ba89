"""Where scores become events: thresholds, hysteresis, smoothing, gaps and durations, chosen per class.

Every combination of a grid is tried. What is maximised is the mean of event F1 by onset and by onset and offset,
averaged over neighbours in all directions of the grid: a peak that its neighbours do not share is luck, and would not
be there in another recording. With a budget of false alarms it is recall by onset within the budget.
docs/training-notes.md has what each rule reaches on sources that it was not chosen on.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from stapes.firmware_sim.device.events import EventConfig
from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.device.frontend import Frontend
from stapes.firmware_sim.device.tail import with_tail
from stapes.runtime.audio import read_audio
from stapes.runtime.console import Progress
from stapes.runtime.litert_engine import LitertEngine
from stapes.train.data.dataset import Recording
from stapes.train.judge.candidates import ANNOTATED, BOTH, DETECTED, FOLDS, HITS, Candidates, Judged
from stapes.train.judge.metrics import EventScores, event_scores, resample_weights, scores_of_counts
from stapes.train.settings import OperatingPointSettings

logger = logging.getLogger(__name__)

NEIGHBOURS = 0.5  # standard deviation, in places of the grid, over which figures are averaged
SOURCES_TO_JUDGE = 2


def judge(folder: DetectorFolder, recordings: Sequence[Recording], features: Iterable[NDArray[np.int8]]) -> Judged:
    """Score recordings by the int8 step itself, frame by frame; features as the folder's frontend gives them."""
    engine = LitertEngine(folder)
    scores = []
    progress = Progress("int8 scores", len(recordings))
    for frames in features:
        engine.reset()
        steps = len(frames) // folder.frames_per_step
        whole = frames[: steps * folder.frames_per_step]
        scores.append(engine.run(whole.reshape(steps, folder.frames_per_step, -1)))
        progress.advance()
    progress.close()
    reference = {recording.name: recording.annotations for recording in recordings}
    groups = tuple(recording.group for recording in recordings)
    return Judged(tuple(reference), tuple(scores), reference, folder.classes, folder.clock, groups)


def features_of(folder: DetectorFolder, recordings: Iterable[Recording]) -> Iterator[NDArray[np.int8]]:
    """Yield the features of each recording and its tail by the folder's frontend."""
    frontend, clock = Frontend(folder.tables), folder.clock
    pcm = (read_audio(recording.path, clock.sample_rate_hz).pcm for recording in recordings)
    return (frontend.features(with_tail(clock, each)) for each in pcm)


class OperatingPoint:
    """The settings of every class that make the best events of some scores, and what to expect of them elsewhere."""

    def __init__(self, judged: Judged, settings: OperatingPointSettings, task: str = "thresholds") -> None:
        self._judged, self._settings = judged, settings
        self._candidates = [Candidates(judged, label, settings) for label in judged.classes]
        progress = Progress(task, len(judged.classes))
        configs = []
        for candidates in self._candidates:
            configs.append(_best(candidates, range(FOLDS)))
            progress.advance(candidates.label)
            if not candidates.annotated:
                logger.warning(f"{candidates.label!r} has no events to choose thresholds on; they stay at 1/2")
        progress.close()
        self.configs = tuple(configs)

    def elsewhere(self) -> EventScores | None:
        """Return what to expect of other sources: each fold of them judged with settings chosen on the other folds.

        Intervals are over sources and groups of recordings, drawn anew. Classes whose events come from one source are
        left out; None where that is all of them.
        """
        judgeable = [each for each in self._candidates if len(each.sources) >= SOURCES_TO_JUDGE]
        if not judgeable or len(judgeable[0].groups) < SOURCES_TO_JUDGE:
            return None
        counts = [_held_out(candidates) for candidates in judgeable]
        n_groups = len(judgeable[0].groups)
        n_units = sum(len(each.sources) for each in judgeable) + n_groups
        table = np.zeros((2, n_units, len(judgeable), 3), np.int64)
        first = 0
        for column, (candidates, own) in enumerate(zip(judgeable, counts, strict=True)):
            rows = np.r_[first : first + len(candidates.sources), n_units - n_groups : n_units]
            for collar, hits in enumerate((HITS, BOTH)):
                table[collar, rows, column] = own[:, [hits, ANNOTATED, DETECTED]]
            first += len(candidates.sources)
        sizes = [*(len(each.sources) for each in judgeable), n_groups]
        weights = np.concatenate([resample_weights(size, seed=seed) for seed, size in enumerate(sizes)], axis=1)
        hours = np.concatenate([np.zeros(n_units - n_groups), judgeable[0].hours[-n_groups:]])
        labels = [each.label for each in judgeable]
        return scores_of_counts(table[0], table[1], hours, weights, len(self._judged.names), labels)

    def silenced(self) -> list[str]:
        """Say for each class whose budget only silence meets how few false alarms an event costs."""
        lines = []
        for candidates, config in zip(self._candidates, self.configs, strict=True):
            budget = self._settings.budget(candidates.label)
            if not budget or not candidates.annotated or candidates.by_unit(config)[:, HITS].any():
                continue
            counts = candidates.counts.sum(axis=-2)
            alarms = (counts[..., DETECTED] - counts[..., HITS])[counts[..., HITS] > 0] / candidates.hours.sum()
            fewest = f"; the fewest with an event found are {alarms.min():.1f}" if len(alarms) else ""
            lines.append(f"{candidates.label}: within {budget:g} false alarms per hour no event is found{fewest}")
        return lines

    def describe(self, part: str, to_expect: EventScores | None) -> dict[str, Any]:
        """Return how settings were chosen, on what, and what to expect of them elsewhere, for detector.json."""
        best_f1 = "best mean of event F1 by onset and by onset and offset, over neighbouring settings"
        budgets = {label: self._settings.budget(label) for label in self._judged.classes}
        within = "best recall within {:g} false alarms per hour"
        rules = {label: within.format(budget) if budget else best_f1 for label, budget in budgets.items()}
        return {
            "rule": rules,
            "chosen_on": part,
            "expected": None if to_expect is None else to_expect.as_dict(),
            "expected_by": f"{FOLDS} folds of sources, each judged with settings chosen on the others",
        }


def choose(judged: Judged, settings: OperatingPointSettings, task: str = "thresholds") -> tuple[EventConfig, ...]:
    """Return the settings of every class that make the best events of these scores."""
    return OperatingPoint(judged, settings, task).configs


def reached(judged: Judged, recordings: Sequence[Recording], configs: Sequence[EventConfig]) -> EventScores:
    """Judge the events that these settings make of the scores."""
    durations_s = {recording.name: recording.duration_s for recording in recordings}
    return event_scores(judged.reference, judged.events(configs), durations_s, judged.classes)


def _best(candidates: Candidates, folds: Iterable[int]) -> EventConfig:
    """Return the best settings by what these folds hold; thresholds of 1/2 where they hold no event."""
    chosen = list(folds)
    counts = candidates.counts[..., chosen, :].sum(axis=-2).astype(np.float64) if candidates.annotated else np.zeros(4)
    annotated = float(counts[..., ANNOTATED].max())
    if not annotated:
        return EventConfig(on_score=0, off_score=0)
    budget = candidates.settings.budget(candidates.label)
    if budget:
        hours = candidates.hours[np.isin(candidates.fold, chosen)].sum()
        value = _recall_within(counts, budget * hours)
    else:
        value = _smooth((counts[..., HITS] + counts[..., BOTH]) / (counts[..., ANNOTATED] + counts[..., DETECTED]))
    best: EventConfig = candidates.grid[np.unravel_index(value.argmax(), value.shape)]
    return best


def _recall_within(counts: NDArray[np.float64], most: float) -> NDArray[np.float64]:
    """Return hits by onset, the fewer false alarms the better; below 0, and by how much, where there are too many."""
    alarms = counts[..., DETECTED] - counts[..., HITS]
    return np.where(alarms <= most, counts[..., HITS] - 1e-6 * alarms, -1 - alarms)


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(gaussian_filter(values, NEIGHBOURS, mode="nearest"))


def _held_out(candidates: Candidates) -> NDArray[np.int64]:
    """Return [units, 4]: what is found of each unit with settings that were chosen without its fold."""
    counts = np.zeros((len(candidates.hours), 4), np.int64)
    for fold in range(FOLDS):
        away = candidates.fold == fold
        config = _best(candidates, (other for other in range(FOLDS) if other != fold))
        counts[away] = candidates.by_unit(config)[away]
    return counts
