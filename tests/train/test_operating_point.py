"""Thresholds by search: the device's decoder judges, and a threshold stands where its neighbours are good as well."""

import numpy as np
import pytest

from stapes.firmware_sim.events import EventConfig, StepClock
from stapes.runtime.labels import Annotation
from stapes.train.metrics import ONSET, count_matches
from stapes.train.operating_point import Judged, choose, expected_f1
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


def test_halves_judge_each_other(judged: Judged) -> None:
    expected = expected_f1(judged, judged.names, SETTINGS)
    assert expected == {"macro_f1_onset": pytest.approx(1.0), "macro_f1_onset_offset": pytest.approx(1.0)}


def test_scores_without_any_event_still_give_settings() -> None:
    silent = Judged(("a.wav",), (np.full((50, 1), -128, np.int8),), {}, ("a",), CLOCK)
    assert isinstance(choose(silent, SETTINGS)[0], EventConfig)
