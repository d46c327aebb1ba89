"""Thresholds by search: the device's decoder judges, and a threshold stands where its neighbours are good as well."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logit
from scipy.stats import poisson

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.events import SILENT, EventConfig, probability
from stapes.runtime.labels import Annotation
from stapes.train.judge.alarm_budget import AlarmRate, hours_needed, most_alarms, needed_text, rate_text, too_few_hours
from stapes.train.judge.candidates import ALARMS, ANNOTATED, DETECTED, HITS_BOTH, HITS_ONSET, Candidates
from stapes.train.judge.metrics import ONSET, ONSET_OFFSET, count_matches, event_free_s, touching
from stapes.train.judge.operating_point import OperatingPoint, choose_settings
from stapes.train.judge.parity import compare_forms
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


@pytest.mark.slow
def test_a_threshold_stands_clear_of_decoys_and_events(judged: ScoredRecordings) -> None:
    """Half a logit above the decoys, and below the event whose highest score is the lowest."""
    on = (choose_settings(judged, SETTINGS)[0].on_score + 128) / 256
    lowest = min(each[onset : onset + 5, 0].max() for each in judged.scores for onset in range(20, 380, 60))
    assert logit(0.4) + 0.5 < logit(on) < logit((int(lowest) + 128) / 256) - 0.5


@pytest.mark.slow
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


@pytest.mark.slow
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
    hits = []
    few = OperatingPointSettings(min_duration_steps=(1, 2), merge_gap_steps=(0,))
    for budget in (100.0, 1000.0, 5000.0):
        (config,) = choose_settings(random, replace(few, false_alarms_per_hour=budget))
        detected = random.events([config])
        alarms = sum(
            not any(true.onset - 0.2 <= found.offset and found.onset <= true.offset + 0.2 for true in reference[name])
            for name in names
            for found in detected[name]
        )
        free_hours = random.hours.sum() - len(names) * 39 * (2 * 0.032 + 0.4) / 3600
        assert AlarmRate(alarms, free_hours).at_most <= budget
        hits.append(count_matches(reference, detected, names, ("c",), ONSET).sum((0, 1))[0])
    assert hits[0] < hits[1] < hits[2]


def _of_logits(logits: np.ndarray, events: list[Annotation]) -> ScoredRecordings:
    """One recording with the int8 scores of these logits, float[steps, 1]."""
    scores = np.clip(np.rint(256 / (1 + np.exp(-logits))) - 128, -128, 127).astype(np.int8)
    return ScoredRecordings(("a.wav",), (scores,), {"a.wav": events}, ("a",), CLOCK)


def _events_and_decoys(events: tuple[float, float], decoys: tuple[float, float]) -> tuple[np.ndarray, list[Annotation]]:
    """Return logits float[steps, 1] with a decoy after every event, and the events.

    The logits of each kind are normally distributed, with this mean and standard deviation.
    """
    rng = np.random.default_rng(4)
    logits = np.full((20_000, 1), -8.0)
    reference = []
    for onset in range(50, 19_900, 100):
        logits[onset : onset + 5] = rng.normal(*events)
        logits[onset + 50 : onset + 55] = rng.normal(*decoys)
        reference.append(annotation(onset, onset + 4, "a"))
    return logits, reference


def test_a_budget_is_kept_where_scores_are_higher() -> None:
    """Decoys crowd below a threshold that keeps the budget here: raised by a third of a logit, they still keep it.

    The setting with the best recall within the same limit of counted alarms does not keep it there.
    """
    logits, reference = _events_and_decoys(events=(2.0, 1.0), decoys=(-1.5, 0.7))
    here, elsewhere = (_of_logits(logits + shift, reference) for shift in (0.0, 1 / 3))
    settings = replace(SMALL, false_alarms_per_hour=60.0, min_duration_steps=(1,))
    (point,) = OperatingPoint(here, settings).points
    there = OperatingPoint(elsewhere, settings).alarms("a", point.config)
    assert point.rate.at_most <= 60.0
    assert there.at_most <= 60.0
    candidates = Candidates(here, "a", settings)
    counts = [(candidates.by_unit(config).sum(0), config) for config in candidates.grid.ravel()]
    hours = candidates.alarm_hours.sum()
    within = [each for each in counts if AlarmRate(each[0][ALARMS], hours).at_most <= 60.0]
    _, by_counts = max(within, key=lambda each: each[0][HITS_ONSET])
    assert OperatingPoint(elsewhere, settings).alarms("a", by_counts).at_most > 60.0


def test_thresholds_that_find_as_much_leave_room_for_alarms_elsewhere() -> None:
    """Events score high, decoys low: nothing is lost by a threshold at which decoys may score 1 higher in the logit.

    The lowest threshold without an alarm is as good where it is chosen, and has more than the limit there.
    """
    logits, reference = _events_and_decoys(events=(3.5, 0.2), decoys=(-1.5, 0.2))
    here, elsewhere = (_of_logits(logits + shift, reference) for shift in (0.0, 1.0))
    settings = replace(SMALL, false_alarms_per_hour=60.0, min_duration_steps=(1,))
    (point,) = OperatingPoint(here, settings).points
    there = OperatingPoint(elsewhere, settings)
    assert there.alarms("a", point.config).alarms == 0
    candidates = Candidates(elsewhere, "a", settings)
    assert candidates.by_unit(point.config).sum(0)[HITS_ONSET] == len(reference)


def _alike(judged: ScoredRecordings) -> ScoredRecordings:
    """Events and decoys of class a score the same: six false alarms in each recording come with any event."""
    scores = [each.copy() for each in judged.scores]
    for each in scores:
        each[:, 0] = np.where(each[:, 0] > -30, 100, -128)
    return replace(judged, scores=tuple(scores))


LIMIT_A = replace(SMALL, false_alarms_per_hour_of_class={"a": 1.0})


def test_a_class_that_cannot_meet_its_budget_is_named_and_stays_as_it_was(judged: ScoredRecordings) -> None:
    former = (EventConfig(on_score=77), EventConfig(on_score=78))
    point = OperatingPoint(_alike(judged), LIMIT_A, former=former)
    assert point.configs[0] == former[0]
    assert point.configs[1] != former[1], "the other class has no budget and is chosen anew"
    (line,) = point.warnings()
    rate = 36 / point.points[0].rate.hours
    assert line.startswith(
        "a: 1 false alarms per hour cannot be met: the fewest with which any event is found are "
        f"{rate:.1f} (recall 1.00); its settings stay as they were."
    )


def test_a_class_that_cannot_meet_its_budget_is_silenced_if_asked_for(judged: ScoredRecordings) -> None:
    point = OperatingPoint(_alike(judged), replace(LIMIT_A, silence_unmet=True))
    assert point.configs[0] == SILENT != point.configs[1]
    assert "it is set silent" in point.warnings()[0]
    assert OperatingPoint(judged, replace(SMALL, silent=("b",))).configs[1] == SILENT


def test_hours_that_are_too_few_to_show_a_budget_are_named(judged: ScoredRecordings) -> None:
    """2.3 hours without an alarm show 1 per hour at 90 %; chosen is what keeps the budget by the estimate.

    That is the estimate of alarms where scores are shifted: a threshold further from decoys misses the three weakest
    events.
    """
    point = OperatingPoint(judged, LIMIT_A)
    counts = count_matches(judged.reference, judged.events(point.configs), judged.names, judged.classes, ONSET).sum(0)
    np.testing.assert_array_equal(counts[0], [33, 36, 33])
    (line,) = point.warnings()
    assert line == (
        "a: 1 false alarms per hour are not shown at 90%: 2.4 hours without any alarm are needed; there are "
        f"{60 * point.points[0].rate.hours:.1f} minutes"
    )


def test_alarms_are_counted_in_the_background_and_hits_are_not(judged: ScoredRecordings) -> None:
    """In the background decoys of class a score .85, as some of its events do: fewer are found within a budget.

    The figures to expect of recordings with events do not change with the hours of the background.
    """
    quiet = np.full((4000, 2), -128, np.int8)
    quiet[100::200, 0] = round(0.85 * 256) - 128
    background = ScoredRecordings(("quiet 1", "quiet 2"), (quiet, quiet), {}, ("a", "b"), CLOCK)
    settings = replace(SMALL, false_alarms_per_hour_of_class={"a": 100.0}, min_duration_steps=(1,))
    alone, beside = OperatingPoint(judged, settings), OperatingPoint(judged, settings, background=background)
    assert alone.configs[0].on_score < round(0.85 * 256) - 128 < beside.configs[0].on_score
    assert beside.points[0].rate.hours == pytest.approx(alone.points[0].rate.hours + background.hours.sum())
    assert beside.points[0].rate.at_most <= 100.0
    expected = OperatingPoint(judged, SMALL, background=background).expected_on_other_sources()
    assert expected == OperatingPoint(judged, SMALL).expected_on_other_sources()


def test_forms_with_the_same_scores_differ_by_nothing_where_a_background_took_part_in_the_choice(
    judged: ScoredRecordings,
) -> None:
    """The background costs the detector events, which the float network, that did not hear it, does not lose."""
    quiet = np.full((4000, 2), -128, np.int8)
    quiet[100::200, 0] = round(0.85 * 256) - 128
    background = ScoredRecordings(("quiet",), (quiet,), {}, ("a", "b"), CLOCK)
    settings = replace(SMALL, false_alarms_per_hour_of_class={"a": 100.0}, min_duration_steps=(1,))
    own, alone = (choose_settings(judged, settings, background=each) for each in (background, None))
    assert own != alone
    same = [probability(each).astype(np.float32) for each in judged.scores]
    events = compare_forms(same, same, judged, own, settings, with_background=True).events
    assert (events.int8_minus_float, events.int8_minus_float_low, events.int8_minus_float_high) == (0, 0, 0)
    assert events.f1_onset_int8 == events.f1_onset_float
    assert events.pairs == sum(map(len, judged.events(own).values())), "the detector's own settings"


def test_a_detection_on_a_true_event_is_no_alarm(judged: ScoredRecordings) -> None:
    """One long event that is found in ten pieces: nine are false by their onsets, and none is an alarm."""
    scores = np.full((400, 1), -128, np.int8)
    for first in range(100, 300, 20):
        scores[first : first + 5] = 100
    long = ScoredRecordings(("long.wav",), (scores,), {"long.wav": [annotation(100, 300, "a")]}, ("a",), CLOCK)
    counts = Candidates(long, "a", SMALL).by_unit(EventConfig()).sum(0)
    assert list(counts[[HITS_ONSET, DETECTED, ALARMS]]) == [1, 10, 0]


def test_touching_and_event_free_time_vs_sample_by_sample() -> None:
    """Referee: a mask over milliseconds of everything within 200 ms of an annotated event."""
    rng = np.random.default_rng(5)
    for _ in range(50):
        onset = rng.integers(0, 9000, 6)
        reference = np.stack([onset, onset + rng.integers(0, 900, 6)], 1)
        begin = np.sort(rng.integers(0, 9500, 20))
        found = np.stack([begin, begin + rng.integers(1, 300, 20)], 1)
        near = np.zeros(10_000, bool)
        for first, last in reference:
            near[max(0, first - 200) : last + 200] = True
        touches = [near[first:last].any() for first, last in found]
        # whole milliseconds that only meet at their edges touch, too; half a millisecond keeps them apart
        inner = found * 1000 + np.array([500, -500])
        np.testing.assert_array_equal(touching(reference * 1000, inner), touches)
        assert event_free_s(reference * 1000, 0, 10_000_000) == pytest.approx((~near).sum() / 1000)


def test_the_threshold_survives_scores_that_shrink_or_grow() -> None:
    """Events score at least .94 here and nothing else above .02: a threshold at an edge of this plateau is fragile.

    With all scores moved by 1.5 in the logit, down or up, every event is still found and nothing else.
    """
    rng = np.random.default_rng(2)
    logits = rng.normal(-6.0, 0.5, (2000, 1))
    for onset in range(20, 1980, 40):
        logits[onset : onset + 5] = rng.uniform(2.8, 4.0, (5, 1))
    reference = {"a.wav": [annotation(onset, onset + 4, "a") for onset in range(20, 1980, 40)]}
    judged = [_of_logits(logits + shift, reference["a.wav"]) for shift in (0, -1.5, 1.5)]
    few = replace(SETTINGS, smoothing_steps=(1, 3), min_duration_steps=(1, 2), merge_gap_steps=(0, 2))
    configs = choose_settings(judged[0], few)
    for each in judged:
        counts = count_matches(reference, each.events(configs), ("a.wav",), ("a",), ONSET).sum((0, 1))
        np.testing.assert_array_equal(counts, [49, 49, 49])


SMALL = replace(SETTINGS, smoothing_steps=(1,), min_duration_steps=(1,), merge_gap_steps=(0, 5))


def _keys(every_steps: float) -> ScoredRecordings:
    """49 keys with point labels; each sounds when it is pressed and, 192 ms later, when it is let go."""
    presses = [20 + round(index * every_steps) for index in range(49)]
    probability = np.full((presses[-1] + 50, 1), 0.02)
    for press in presses:
        probability[press : press + 3] = probability[press + 6 : press + 9] = 0.9
    points = [replace(annotation(press, press, "a"), offset=annotation(press, press, "a").onset) for press in presses]
    scores = (probability * 256 - 128).astype(np.int8)
    return ScoredRecordings(("a.wav",), (scores,), {"a.wav": points}, ("a",), CLOCK)


def test_point_labels_are_judged_by_onset_alone() -> None:
    """As one event, press and release end more than 200 ms after the label, which says nothing of an end."""
    judged = _keys(every_steps=40)
    point = OperatingPoint(judged, SMALL)
    counts = count_matches(judged.reference, judged.events(point.configs), judged.names, ("a",), ONSET).sum((0, 1))
    np.testing.assert_array_equal(counts, [49, 49, 49])
    assert point.points[0].rule == "best event F1 by onset, expected where scores are shifted"


@pytest.mark.parametrize(("spacing_s", "budget", "gap"), [(0.8, 0.0, 5), (0.6, 0.0, 0), (0.6, 1e4, 0)])
def test_events_with_point_labels_that_come_four_times_as_fast_are_not_merged(
    spacing_s: float, budget: float, gap: int
) -> None:
    """A gap of 5 steps is 160 ms: a quarter of .8 s is more, of .6 s less. Merging would be right for these labels.

    So it is with a budget of false alarms per hour, too; 0: without one.
    """
    judged = _keys(spacing_s * CLOCK.sample_rate_hz / CLOCK.step_samples)
    assert choose_settings(judged, replace(SMALL, false_alarms_per_hour=budget))[0].merge_gap_steps == gap


@pytest.mark.parametrize(("spacing_s", "smoothing"), [(1.4, 9), (1.0, 1)])
def test_events_with_point_labels_that_come_four_times_as_fast_are_not_averaged_together(
    spacing_s: float, smoothing: int
) -> None:
    """A mean over 9 steps is over 288 ms: a quarter of 1.4 s is more, of 1 s less. It would be right for these labels.

    Each key sounds twice, and here the mean alone makes one event of it.
    """
    few = replace(SETTINGS, smoothing_steps=(1, 9), min_duration_steps=(1,), merge_gap_steps=(0,))
    judged = _keys(spacing_s * CLOCK.sample_rate_hz / CLOCK.step_samples)
    assert choose_settings(judged, few)[0].smoothing_steps == smoothing


def test_the_limit_of_a_rate_vs_the_poisson_distribution() -> None:
    """Referee: at the upper limit, as few alarms as were counted come with a probability of 10 %."""
    for alarms in (0, 1, 7, 150):
        rate = AlarmRate(alarms, 0.3)
        assert poisson.cdf(alarms, rate.at_most * 0.3) == pytest.approx(0.1)
    assert hours_needed(1.0) == pytest.approx(2.3026, abs=1e-4)
    assert most_alarms(1.0, 2.302) == -1
    assert int(most_alarms(1.0, 2.303)) == 0
    brute = max(n for n in range(200) if AlarmRate(n, 8.0).at_most <= 15.0)
    assert int(most_alarms(15.0, 8.0)) == brute
    for budget, hours in ((1.0, 3.0), (10.0, 0.25), (15.0, 8.0)):
        assert AlarmRate(most_alarms(budget, hours), hours).at_most == pytest.approx(budget)


@pytest.mark.parametrize("hours", [2.26, 2.3, 2.3025, 0.2299, 0.099, 0.02])
def test_hours_that_are_needed_are_never_shown_as_those_that_there_are(hours: float) -> None:
    """Needed is little more than there is, and both are shown in tenths."""
    said = too_few_hours(hours_needed(1.0) / (1.0001 * hours), hours)
    needed, there_are = said.rpartition(": ")[2].split(" without any alarm are needed; there are ")
    shown = [float(text.split()[0]) / (60 if text.endswith("minutes") else 1) for text in (needed, there_are)]
    assert shown[0] > hours >= shown[1]
    assert needed_text(hours_needed(1.0)) == "2.4 hours"


def test_a_rate_of_less_than_one_per_hour_is_shown_with_two_digits() -> None:
    assert str(AlarmRate(0, 100.0)) == "0.0 (at most 0.023)"
    assert str(AlarmRate(4, 100.0)) == "0.04 (at most 0.08)"
    assert str(AlarmRate(31, 10.0)) == "3.1 (at most 3.9)"
    assert [rate_text(rate) for rate in (0.996, 0.99, 0.5, float("inf"))] == ["1.0", "0.99", "0.5", "inf"]
    assert str(AlarmRate(0, 0.0)) == "-"


def test_a_class_without_events_keeps_its_threshold_at_one_half(caplog: pytest.LogCaptureFixture) -> None:
    noise = np.random.default_rng(0).integers(-128, 127, (50, 1)).astype(np.int8)
    assert choose_settings(ScoredRecordings(("a.wav",), (noise,), {}, ("a",), CLOCK), SETTINGS) == (
        EventConfig(on_score=0, off_score=0),
    )
    assert "'a' has no events to choose thresholds on" in caplog.text


def test_a_class_without_events_keeps_the_settings_that_it_had() -> None:
    noise = np.random.default_rng(0).integers(-128, 127, (50, 1)).astype(np.int8)
    former = EventConfig(on_score=100, off_score=80, smoothing_steps=3)
    point = OperatingPoint(ScoredRecordings(("a.wav",), (noise,), {}, ("a",), CLOCK), SETTINGS, former=[former])
    assert point.configs == (former,)
    assert point.left_alone == ("a",)


@pytest.mark.parametrize("silence_unmet", [False, True])
@pytest.mark.parametrize(
    ("alarms", "budget", "said"),
    [
        (0, 300.0, []),
        (4, 300.0, ["a: 300 false alarms per hour are not shown at 90%: 4 were counted in 1.1 minutes, and there may"]),
        (0, 10.0, ["a: 10 false alarms per hour are not shown at 90%: 0.3 hours without any alarm are needed; there"]),
    ],
)
def test_a_limit_that_is_not_shown_is_said_of_a_class_without_events_too(
    alarms: int, budget: float, said: list[str], silence_unmet: bool
) -> None:
    scores = np.full((2000, 1), -128, np.int8)
    scores[50 : 50 + 100 * alarms : 100] = 100
    judged = ScoredRecordings(("a.wav",), (scores,), {}, ("a",), CLOCK)
    settings = replace(SMALL, false_alarms_per_hour=budget, silence_unmet=silence_unmet)
    for former, expected in ((EventConfig(), said), (SILENT, [])):
        point = OperatingPoint(judged, settings, former=[former])
        assert point.configs == (former,)
        assert [line[: len(each)] for line, each in zip(point.warnings(), expected, strict=True)] == expected


def test_one_event_as_long_as_the_recording_keeps_no_limit() -> None:
    """Below the floor of the scores all sounds merge into one event, which is a single alarm in hours."""
    rng, names, scores, reference = np.random.default_rng(0), [], [], {}
    for index in range(4):
        spikes = np.repeat(rng.random((2250, 1)) < 0.02, 5, axis=0)
        scores.append(np.clip(np.rint((0.08 + 0.8 * spikes) * 256) - 128, -128, 127).astype(np.int8))
        names.append(f"{index}.wav")
        reference[names[-1]] = [annotation(onset, onset + 10, "a") for onset in (4, *range(1000, 11_000, 1000))]
    judged = ScoredRecordings(tuple(names), tuple(scores), reference, ("a",), CLOCK)
    point = OperatingPoint(judged, replace(SMALL, false_alarms_per_hour=20.0))
    assert "cannot be met" in point.points[0].unmet


def test_a_limit_where_no_time_is_free_of_events_leaves_what_finds_them() -> None:
    """Clips that are labelled from beginning to end show no limit; they still show which thresholds find an event."""
    scores = [np.full((60, 1), score, np.int8) for score in (40, 60, 80)]
    names = ("0.wav", "1.wav", "2.wav")
    reference = {name: [Annotation(0.0, 60 * CLOCK.step_s, "a")] for name in names}
    point = OperatingPoint(
        ScoredRecordings(names, tuple(scores), reference, ("a",), CLOCK),
        replace(SMALL, hits="overlap", false_alarms_per_hour=100.0),
    )
    assert point.points[0].not_shown
    assert point.configs[0].on_score < 40


def test_what_is_expected_elsewhere_is_judged_on_recordings_that_chose_nothing(judged: ScoredRecordings) -> None:
    """Without a column `source` a recording is a source and a group: its events and alarms are held out together."""
    candidates = Candidates(judged, "a", SMALL)
    assert candidates.sources == candidates.groups
    n = len(candidates.sources)
    assert candidates.fold[:n].tolist() == candidates.fold[n:].tolist()
