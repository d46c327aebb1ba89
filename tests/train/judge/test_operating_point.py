"""Thresholds by search: the device's decoder judges, and a threshold stands where its neighbours are good as well."""

from dataclasses import replace

import numpy as np
import pytest

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.events import EventConfig
from stapes.runtime.labels import Annotation
from stapes.train.judge.candidates import ANNOTATED, DETECTED, HITS_BOTH, HITS_ONSET, Candidates
from stapes.train.judge.metrics import ONSET, ONSET_OFFSET, count_matches
from stapes.train.judge.operating_point import OperatingPoint, choose_settings
from stapes.train.judge.scored import ScoredRecordings
from stapes.train.settings import OperatingPointSettings

CLOCK = StepClock(sample_rate_hz=16_000, step_samples=512, origin_samples=128, target_delay_steps=3)
SETTINGS = OperatingPointSettings()
SMALL = OperatingPointSettings(smoothing_steps=(1,), off_ratio=(0.5,), min_duration_steps=(1, 4), merge_gap_steps=(0,))


def annotation(first: int, last: int, label: str) -> Annotation:
    """The event that a run of active steps first..last stands for."""
    times = [(step - CLOCK.target_delay_steps) * 512 + 128 for step in (first, last + 1)]
    return Annotation(times[0] / 16_000, times[1] / 16_000, label)


@pytest.fixture(scope="module")
def judged() -> ScoredRecordings:
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
    return ScoredRecordings(tuple(names), tuple(scores), reference, ("a", "b"), CLOCK)


def test_every_event_is_found_and_no_decoy(judged: ScoredRecordings) -> None:
    configs = choose_settings(judged, SETTINGS)
    counts = count_matches(judged.reference, judged.events(configs), judged.names, judged.classes, ONSET).sum(0)
    np.testing.assert_array_equal(counts, [[36, 36, 36], [36, 36, 36]])


def test_a_threshold_stands_clear_of_decoys_and_events(judged: ScoredRecordings) -> None:
    on = (choose_settings(judged, SETTINGS)[0].on_score + 128) / 256
    assert 0.44 < on < 0.62


def test_scores_that_flicker_are_smoothed_or_merged(judged: ScoredRecordings) -> None:
    config = choose_settings(judged, SETTINGS)[1]
    assert config.smoothing_steps > 1 or config.merge_gap_steps > 0


def _from_sources(judged: ScoredRecordings, sources: list[str]) -> ScoredRecordings:
    """The same with the events of each recording from one source."""
    reference = {
        name: [replace(event, columns={"source": source}) for event in judged.reference[name]]
        for name, source in zip(judged.names, sources, strict=True)
    }
    return replace(judged, reference=reference)


def test_folds_of_sources_judge_each_other(judged: ScoredRecordings) -> None:
    scores = OperatingPoint(_from_sources(judged, list("aabbcd")), SETTINGS).expected_on_other_sources()
    assert scores is not None
    assert scores.n_recordings == 6
    assert scores.macro_f1_onset.value == scores.macro_f1_onset_offset.value == 1.0
    assert (scores.classes["a"].n_reference, scores.classes["a"].recall_low) == (36, 1.0)


def test_nothing_is_expected_of_a_class_with_one_source(judged: ScoredRecordings) -> None:
    assert OperatingPoint(_from_sources(judged, ["one"] * 6), SMALL).expected_on_other_sources() is None


def test_what_is_expected_of_a_source_does_not_come_from_its_own_events() -> None:
    """Source x scores .3 over .1 elsewhere, source y .9 over .4: a threshold chosen on one misses the other."""
    names, scores, reference = [], [], {}
    for index in range(10):
        probability = np.full((400, 1), 0.05)
        own, decoy = (0.9, 0.4) if index % 2 else (0.3, 0.1)
        for onset in range(20, 380, 60):
            probability[onset : onset + 5], probability[onset + 25 : onset + 30] = own, decoy
        names.append(f"{index}.wav")
        scores.append((probability * 256 - 128).astype(np.int8))
        events = [annotation(onset, onset + 4, "a") for onset in range(20, 380, 60)]
        reference[names[-1]] = [replace(event, columns={"source": "xy"[index % 2]}) for event in events]
    judged = ScoredRecordings(tuple(names), tuple(scores), reference, ("a",), CLOCK)
    point = OperatingPoint(judged, SMALL)
    here = count_matches(reference, judged.events(point.configs), names, ("a",), ONSET).sum((0, 1))
    expected = point.expected_on_other_sources()
    assert expected is not None
    assert here[0] == 60, "one threshold finds both"
    assert expected.classes["a"].recall == 0.5, "but one for y does not find x"


def test_candidates_vs_decoder_of_the_device() -> None:
    """The same hits and events, for settings drawn at random, with events at the very beginning and end."""
    rng = np.random.default_rng(3)
    lengths = [150, 40, 90]
    names = tuple(f"{index}.wav" for index in range(3))
    scores = tuple(
        np.clip(np.cumsum(rng.normal(0, 40, (length, 1)), axis=0), -128, 127).astype(np.int8) for length in lengths
    )
    reference = {
        name: [annotation(step, step + 6, "a") for step in range(3, length - 8, 11)]
        for name, length in zip(names, lengths, strict=True)
    }
    judged = ScoredRecordings(names, scores, reference, ("a",), CLOCK)
    candidates = Candidates(judged, "a", SETTINGS)
    for _ in range(300):
        on = int(rng.integers(-100, 110))
        config = EventConfig(
            on_score=on,
            off_score=max(-127, on - int(rng.integers(0, 60))),
            smoothing_steps=int(rng.choice([1, 3, 5, 9, 15])),
            min_duration_steps=int(rng.choice([1, 2, 4, 8])),
            merge_gap_steps=int(rng.choice([0, 1, 3, 10])),
        )
        counts = candidates.by_unit(config).sum(0)
        detected = judged.events([config])
        by_onset, by_both = (
            count_matches(reference, detected, names, ("a",), collar).sum((0, 1)) for collar in (ONSET, ONSET_OFFSET)
        )
        assert list(counts[[HITS_ONSET, ANNOTATED, DETECTED]]) == list(by_onset)
        assert counts[HITS_BOTH] == by_both[0]


def test_a_budget_of_false_alarms_is_kept(judged: ScoredRecordings) -> None:
    """Class c sounds at random, so recall must be paid for: the more alarms are allowed, the more is found."""
    rng = np.random.default_rng(1)
    scores = tuple(rng.integers(-128, 0, (2000, 1)).astype(np.int8) for _ in range(4))
    names = tuple(f"{index}.wav" for index in range(4))
    reference = {name: [annotation(step, step + 1, "c") for step in range(50, 2000, 50)] for name in names}
    random = ScoredRecordings(names, scores, reference, ("c",), CLOCK)
    recalls = []
    for budget in (100.0, 1000.0, 5000.0):
        configs = choose_settings(random, OperatingPointSettings(false_alarms_per_hour=budget))
        hits, _, found = count_matches(reference, random.events(configs), names, ("c",), ONSET).sum((0, 1))
        assert (found - hits) / random.hours.sum() <= budget
        recalls.append(hits)
    assert recalls[0] < recalls[1] < recalls[2]


def test_a_budget_that_only_silence_meets_says_what_an_event_costs(judged: ScoredRecordings) -> None:
    """Events and decoys of class a score the same: six false alarms in each recording come with any event."""
    scores = [each.copy() for each in judged.scores]
    for each in scores:
        active = each[:, 0] > -30
        each[:, 0] = np.where(active, 100, -128)
    same = replace(judged, scores=tuple(scores))
    hours = float(judged.hours.sum())
    (line,) = OperatingPoint(same, replace(SMALL, false_alarms_per_hour_of_class={"a": 1.0})).unmet_budgets()
    assert line == (
        f"a: no event is found within 1 false alarms per hour; settings that find any raise at least {36 / hours:.1f}"
    )
    assert not OperatingPoint(judged, replace(SMALL, false_alarms_per_hour_of_class={"a": 1.0})).unmet_budgets()


def test_a_class_without_events_keeps_its_threshold_at_one_half(caplog: pytest.LogCaptureFixture) -> None:
    noise = np.random.default_rng(0).integers(-128, 127, (50, 1)).astype(np.int8)
    assert choose_settings(ScoredRecordings(("a.wav",), (noise,), {}, ("a",), CLOCK), SETTINGS) == (
        EventConfig(on_score=0, off_score=0),
    )
    assert "'a' has no events to choose thresholds on" in caplog.text
