"""Figures pooled over folds equal those of the library where it has them, and plain sums elsewhere."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.judgement import FoldJudgement, judge_scores
from benchmarks.pooled import Pooled
from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.events import EventConfig
from stapes.runtime.labels import Annotation
from stapes.train.judge.event_free import AWAY, DURING
from stapes.train.judge.metrics import event_scores
from stapes.train.judge.scored import ScoredRecordings

CLOCK = StepClock(sample_rate_hz=16_000, step_samples=512, origin_samples=128, target_delay_steps=3)
CHOSEN = [EventConfig(on_score=-40, off_score=-80, smoothing_steps=3), EventConfig(on_score=10, off_score=-20)]
STRICT = [EventConfig(on_score=60, off_score=0), EventConfig(on_score=60, off_score=0)]
JUDGED = ("0", "2", "4")


def _scored(seed: int) -> ScoredRecordings:
    """Six recordings with events of both classes from three sources, and scores that also rise elsewhere."""
    rng = np.random.default_rng(seed)
    scores, reference = [], {}
    for name in "012345":
        probability = rng.uniform(0, 0.3, (800, 2))
        events = []
        for number, step in enumerate(range(30, 780, 70)):
            probability[step : step + 9, number % 2] = rng.uniform(0.1, 1.0)
            probability[step + 30 : step + 34, 0] = rng.uniform(0.1, 0.8)
            onset = CLOCK.begin_s(step)
            events.append(Annotation(onset, onset + 0.28, "ab"[number % 2], columns={"source": f"{number % 3}"}))
        scores.append((np.floor(probability * 256) - 128).astype(np.int8))
        reference[name] = events
    return ScoredRecordings(tuple("012345"), tuple(scores), reference, ("a", "b"), CLOCK)


DISTRACTORS = {"0": [Annotation(3, 9, "speech")], "3": [Annotation(0, 12, "speech")]}


@pytest.fixture(scope="module")
def folds() -> list[FoldJudgement]:
    return [
        replace(judge_scores(_scored(seed), JUDGED, DISTRACTORS, CHOSEN, STRICT), fold=f"scape{seed}")
        for seed in (1, 2)
    ]


def test_event_f1_of_a_fold_is_that_of_event_scores(folds: list[FoldJudgement]) -> None:
    """The referee is train/judge/metrics.py, itself held against sed_eval."""
    scored = _scored(1)
    events = scored.events(CHOSEN)
    expected = event_scores(
        {name: scored.reference[name] for name in JUDGED},
        {name: events[name] for name in JUDGED},
        {name: scored.hours[int(name)] * 3600 for name in JUDGED},
        scored.classes,
    )
    pooled = Pooled(folds[:1])
    assert pooled.f1().value == pytest.approx(expected.macro_f1_onset.value)
    assert pooled.f1(offsets=True).value == pytest.approx(expected.macro_f1_onset_offset.value)
    recall = np.mean([one.recall for one in expected.classes.values()])
    assert pooled.recall(lambda one: one.chosen).value == pytest.approx(recall)


def test_alarms_are_added_up_over_folds_and_recordings(folds: list[FoldJudgement]) -> None:
    for part in (AWAY, DURING):
        alarms = sum(one.chosen.alarms[:, part].sum() for fold in folds for one in fold.classes.values())
        hours = sum(fold.classes["a"].curve.hours[:, part].sum() for fold in folds)
        assert Pooled(folds).alarms_per_hour(part).value == pytest.approx(alarms / hours)


def test_recall_at_a_rate_of_one_fold_is_the_mean_over_its_classes(folds: list[FoldJudgement]) -> None:
    for rate in (20.0, 200.0):
        each = [one.curve.recall_at(rate).value for one in folds[0].classes.values()]
        assert Pooled(folds[:1]).recall_at(rate).value == pytest.approx(np.mean(each))
    assert Pooled(folds).recall_at(20.0).value <= Pooled(folds).recall_at(200.0).value


def test_at_its_own_recall_a_detector_raises_at_most_its_own_alarms(folds: list[FoldJudgement]) -> None:
    own = {(fold.fold, label): int(one.chosen.hits.sum()) for fold in folds for label, one in fold.classes.items()}
    alarms, recall = Pooled(folds).alarms_at_equal_recall(own)
    assert alarms.value <= Pooled(folds).alarms_per_hour(AWAY).value
    assert recall.value >= Pooled(folds).recall(lambda one: one.chosen).value


def test_recall_that_is_out_of_reach_is_said(folds: list[FoldJudgement]) -> None:
    """The second figure tells how far a detector gets that cannot find as many events as the other one did."""
    _, recall = Pooled(folds).alarms_at_equal_recall({(fold.fold, label): 1e9 for fold in folds for label in "ab"})
    most = [
        sum(fold.classes[label].curve.hits.sum(axis=1).max() for fold in folds)
        / sum(fold.classes[label].curve.annotated.sum() for fold in folds)
        for label in "ab"
    ]
    assert recall.value == pytest.approx(np.mean(most))


def test_a_budget_is_judged_by_its_worst_class(folds: list[FoldJudgement]) -> None:
    recall, worst, label = Pooled(folds).budget()
    rates = {name: Pooled(folds, [name]).budget()[1].value for name in "ab"}
    assert worst.value == max(rates.values()) == rates[label]
    assert recall.value <= Pooled(folds).recall(lambda one: one.chosen).value


def test_intervals_hold_their_figures(folds: list[FoldJudgement]) -> None:
    pooled = Pooled(folds)
    for figure in (pooled.frame_precision(), pooled.f1(), pooled.recall_at(100.0), pooled.alarms_per_hour(AWAY)):
        assert figure.low < figure.value < figure.high
