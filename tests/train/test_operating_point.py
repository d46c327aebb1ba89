"""Thresholds by search: the device's decoder judges, and a threshold stands where its neighbours are good as well."""

from pathlib import Path

import numpy as np
import pytest

from stapes.firmware_sim.events import EventConfig, StepClock
from stapes.runtime.labels import Annotation
from stapes.train.dataset import Recording
from stapes.train.metrics import ONSET, count_matches
from stapes.train.operating_point import Judged, choose, elsewhere
from stapes.train.settings import OperatingPointSettings

CLOCK = StepClock(sample_rate_hz=16_000, step_samples=512, origin_samples=128, target_delay_steps=3)
SETTINGS = OperatingPointSettings()


def annotation(first: int, last: int, label: str) -> Annotation:
    """The event that a run of active steps first..last stands for."""
    times = [(step - CLOCK.target_delay_steps) * 512 + 128 for step in (first, last + 1)]
    return Annotation(times[0] / 16_000, times[1] / 16_000, label)


@pytest.fixture(scope="module")
def judged() -> Judged:
    """Events of class a reach .7, decoys .4, everything over noise up to .25; class b flickers within its events."""
    rng = np.random.default_rng(0)
    names, scores, reference = [], [], {}
    for index in range(6):
        probability = rng.uniform(0, 0.25, (400, 2))
        events = []
        for onset in range(20, 380, 60):
            probability[onset : onset + 5, 0] = rng.uniform(0.65, 0.95, 5)
            probability[onset + 25 : onset + 30, 0] = 0.4
            probability[onset : onset + 20, 1] = np.where(np.arange(20) % 4 == 3, 0.05, 0.9)
            events += [annotation(onset, onset + 4, "a"), annotation(onset, onset + 18, "b")]
        names.append(f"{index}.wav")
        scores.append(np.clip(np.rint(probability * 256) - 128, -128, 127).astype(np.int8))
        reference[names[-1]] = events
    return Judged(tuple(names), tuple(scores), reference, ("a", "b"), CLOCK)


def test_every_event_is_found_and_no_decoy(judged: Judged) -> None:
    configs = choose(judged, SETTINGS)
    counts = count_matches(judged.reference, judged.events(configs), judged.names, judged.classes, ONSET).sum(0)
    np.testing.assert_array_equal(counts, [[36, 36, 36], [36, 36, 36]])


def test_a_threshold_stands_clear_of_decoys_and_events(judged: Judged) -> None:
    on = (choose(judged, SETTINGS)[0].on_score + 128) / 256
    assert 0.44 < on < 0.62


def test_scores_that_flicker_are_smoothed_or_merged(judged: Judged) -> None:
    config = choose(judged, SETTINGS)[1]
    assert config.smoothing_steps > 1 or config.merge_gap_steps > 0


def test_halves_of_the_groups_judge_each_other(judged: Judged) -> None:
    def recordings(groups: list[str]) -> list[Recording]:
        return [
            Recording(Path(name), name, group, 400 * 512 / 16_000, ())
            for name, group in zip(judged.names, groups, strict=True)
        ]

    scores = elsewhere(judged, recordings(list("aabbcd")), SETTINGS)
    assert scores is not None
    assert scores.n_recordings == 6
    assert scores.macro_f1_onset.value == scores.macro_f1_onset_offset.value == 1.0
    assert elsewhere(judged, recordings(["one"] * 6), SETTINGS) is None


def test_a_budget_of_false_alarms_is_kept(judged: Judged) -> None:
    """Class c sounds at random, so recall must be paid for: the more alarms are allowed, the more is found."""
    rng = np.random.default_rng(1)
    scores = tuple(rng.integers(-128, 0, (2000, 1)).astype(np.int8) for _ in range(4))
    names = tuple(f"{index}.wav" for index in range(4))
    reference = {name: [annotation(step, step + 1, "c") for step in range(50, 2000, 50)] for name in names}
    random = Judged(names, scores, reference, ("c",), CLOCK)
    recalls = []
    for budget in (100.0, 1000.0, 5000.0):
        configs = choose(random, OperatingPointSettings(false_alarms_per_hour=budget))
        hits, _, found = count_matches(reference, random.events(configs), names, ("c",), ONSET).sum((0, 1))
        assert (found - hits) / random.hours <= budget
        recalls.append(hits)
    assert recalls[0] < recalls[1] < recalls[2]


def test_a_class_without_events_keeps_its_threshold_at_one_half(capsys: pytest.CaptureFixture[str]) -> None:
    noise = np.random.default_rng(0).integers(-128, 127, (50, 1)).astype(np.int8)
    assert choose(Judged(("a.wav",), (noise,), {}, ("a",), CLOCK), SETTINGS) == (EventConfig(on_score=0, off_score=0),)
    assert "'a' has no events to choose thresholds on" in capsys.readouterr().err
