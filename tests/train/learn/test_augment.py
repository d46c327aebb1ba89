"""Training sequences: events lie at their labels, the SNR is as set, and seed and number determine a batch."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, make_tables
from stapes.train.data.corpus import NO_CLASS, Corpus, event_free
from stapes.train.learn.augment import (
    SECOND_BACKGROUND_DB,
    SECOND_EXCERPT_DB,
    BatchMaker,
    Remixer,
    TrainingSequence,
    augment_features,
)
from stapes.train.learn.rooms import reverberated
from stapes.train.settings import AugmentationSettings

RATE = 16_000
PLAIN = AugmentationSettings(
    stitched_background_share=1.0,
    added_runs_per_minute=20.0,
    run_snr_db=(10.0, 10.0),
    run_speed=(1.0, 1.0),
    run_filter_db=0.0,
    gain_db=(0.0, 0.0),
    microphone_filter_db=0.0,
    masked_bands_max=0,
    masked_frames_max=0,
)

ROOMS = AugmentationSettings(
    second_background_share=0.5,
    second_excerpt_share=0.5,
    background_speed=(0.8, 1.25),
    background_filter_db=4.0,
    empty_share=0.2,
    added_distractors_per_minute=10.0,
    reverberation_share=0.5,
    band_gain_db=9.0,
    run_speed=(0.7, 1.4),
    gain_db=(-20.0, 20.0),
)
SECONDS = 5
SEEDS = range(10)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """Six recordings of faint noise with 1 kHz tones (class 0) and 3 kHz tones (class 1) of 100 ms, well above it."""
    rng = np.random.default_rng(0)
    length = 10 * RATE
    pcm = rng.normal(0, 30, 6 * length)
    events = []
    for index in range(6):
        onsets = np.arange(2, 8, 2) * RATE + int(rng.integers(RATE))
        tone = 3000 * np.sin(2 * np.pi * (1000 + 2000 * (index % 2)) * np.arange(RATE // 10) / RATE)
        for onset in onsets:
            pcm[index * length + onset : index * length + onset + len(tone)] += tone
        events.append(np.column_stack([onsets, onsets + len(tone), np.full(3, index % 2)]).astype(np.int64))
    return Corpus(np.rint(pcm).astype(np.int16), np.arange(7, dtype=np.int64) * length, tuple(events), RATE)


def power(pcm: np.ndarray) -> float:
    return float(np.mean(pcm.astype(np.float64) ** 2))


def test_runs_are_cut_by_their_labels_and_cleaned_of_their_background(corpus: Corpus) -> None:
    runs = Remixer(corpus, 2, 5 * RATE, PLAIN).runs
    assert [sum(len(run.events) for run in of_class) for of_class in runs] == [9, 9]
    for run in runs[0] + runs[1]:
        inside = np.concatenate([run.pcm[onset:offset] for onset, offset, _ in run.events])
        assert power(inside) == pytest.approx(3000**2 / 2, rel=0.05)
        outside = run.pcm[int(run.events[0, 1]) + RATE // 5 :][: RATE // 2]
        assert power(outside) < 1.0


def test_added_events_lie_at_their_labels_with_the_signal_to_noise_ratio_that_is_set(corpus: Corpus) -> None:
    remixer = Remixer(corpus, 2, 5 * RATE, PLAIN)
    ratios = []
    for seed in range(30):
        sequence = remixer.sequence(np.random.default_rng(seed))
        for onset, offset, _ in sequence.events[(sequence.events[:, 0] > 0) & (sequence.events[:, 1] < 5 * RATE)]:
            ratios.append(10 * np.log10(power(sequence.pcm[onset:offset]) / 30**2 - 1))
    assert len(ratios) > 50
    assert np.median(ratios) == pytest.approx(10.0, abs=0.7)
    assert np.quantile(ratios, 0.05) > 7.0


def test_events_of_one_class_never_overlap(corpus: Corpus) -> None:
    remixer = Remixer(corpus, 2, 5 * RATE, replace(PLAIN, added_runs_per_minute=200.0, stitched_background_share=0.5))
    for seed in range(20):
        events = remixer.sequence(np.random.default_rng(seed)).events
        for label in (0, 1):
            own = events[events[:, 2] == label]
            assert np.all(own[1:, 0] >= own[:-1, 1])


def rhythm(point_classes: frozenset[int]) -> Corpus:
    """Faint noise with a key twice a second, as regular as a metronome: 1 kHz when it is pressed, then 3 kHz.

    Only the press is labelled; the key is let go 200 ms later.
    """
    pcm = np.random.default_rng(0).normal(0, 30, 20 * RATE)
    onsets = np.arange(RATE, 19 * RATE, RATE // 2)
    length = RATE // 20
    press, release = (3000 * np.sin(2 * np.pi * hz * np.arange(length) / RATE) for hz in (1000, 3000))
    for onset in onsets:
        pcm[onset : onset + length] += press
        pcm[onset + RATE // 5 :][:length] += release
    events = np.column_stack([onsets, onsets + length, np.zeros(len(onsets))]).astype(np.int64)
    return Corpus(np.rint(pcm).astype(np.int16), np.array([0, len(pcm)]), (events,), RATE, point_classes=point_classes)


def spacings_s(corpus: Corpus, settings: AugmentationSettings) -> np.ndarray:
    """Return the times between onsets in 30 sequences, and see that a press sounds at each of them."""
    remixer, found = Remixer(corpus, 1, SECONDS * RATE, settings), []
    for seed in range(30):
        sequence = remixer.sequence(np.random.default_rng(seed))
        for onset, offset, _ in sequence.events[
            (sequence.events[:, 0] > 0) & (sequence.events[:, 1] < len(sequence.pcm))
        ]:
            assert tone_power(sequence.pcm[onset:offset], 1000) > 5 * 30**2
        found.append(np.diff(sequence.events[:, 0]) / RATE)
    return np.concatenate(found)


def test_events_with_point_labels_come_up_to_four_times_as_fast_as_in_the_recordings() -> None:
    """Whoever labels points counts events, and where the detector listens they may come faster."""
    settings = replace(PLAIN, added_runs_per_minute=12.0, point_spacing=(0.25, 1.0))
    found = spacings_s(rhythm(frozenset({0})), settings)
    assert 0.085 < found.min() < 0.15  # 0.125 s with a jitter, and never less than 40 ms of silence in between
    assert np.mean(found < 0.3) > 0.3
    assert found[found < 0.9].max() > 0.45


def test_a_spacing_of_1_keeps_the_rhythm_of_point_labels() -> None:
    found = spacings_s(rhythm(frozenset({0})), replace(PLAIN, added_runs_per_minute=6.0, point_spacing=(1.0, 1.0)))
    np.testing.assert_allclose(np.quantile(found, [0.1, 0.9]), 0.5, atol=0.001)


def test_a_point_label_takes_along_what_sounds_after_it() -> None:
    """A detector that counts presses must hear in training what follows them at another pace, too: keys let go."""

    def release_power(points: frozenset[int], spacing: float) -> list[float]:
        remixer = Remixer(rhythm(points), 1, SECONDS * RATE, PLAIN)
        runs = [run.respaced(spacing, RATE, np.random.default_rng(0)) for run in remixer.runs[0]]
        sounds = [(np.pad(run.pcm, (0, RATE)), onset + RATE // 5) for run in runs for onset in run.events[:, 0]]
        return [tone_power(pcm[start : start + RATE // 20], 3000) for pcm, start in sounds]

    assert min(release_power(frozenset({0}), spacing=1.0)) > 0.5 * 3000**2 / 2
    assert min(release_power(frozenset({0}), spacing=0.5)) > 0.5 * 3000**2 / 2
    assert max(release_power(frozenset(), spacing=1.0)) < 0.01 * 3000**2 / 2


def test_events_with_durations_keep_their_spacing() -> None:
    found = spacings_s(rhythm(frozenset()), replace(PLAIN, added_runs_per_minute=12.0, point_spacing=(0.25, 1.0)))
    np.testing.assert_allclose(np.quantile(found, [0.1, 0.9]), 0.5, atol=0.001)


def test_every_part_of_a_long_recording_without_events_is_heard() -> None:
    """A background of an hour must not be its first seconds alone: each minute is told by its level."""
    minutes = 20
    pcm = np.repeat(np.arange(1, minutes + 1) * 100, 60 * RATE).astype(np.int16)
    quiet = Corpus(pcm, np.array([0, len(pcm)]), (np.empty((0, 3), np.int64),), RATE)
    remixer = Remixer(quiet, 1, SECONDS * RATE, PLAIN)
    heard = {int(remixer.sequence(np.random.default_rng(seed)).pcm[RATE]) // 100 for seed in range(20 * minutes)}
    assert heard == set(range(1, minutes + 1))


@pytest.mark.parametrize("settings", [AugmentationSettings(), ROOMS], ids=["default", "everything"])
def test_a_batch_depends_on_seed_and_number_alone(corpus: Corpus, settings: AugmentationSettings) -> None:
    frontend = Frontend(make_tables(FrontendConfig()))
    clock = StepClock.of(FrontendConfig(), frames_per_step=2, target_delay_steps=4)

    def maker() -> BatchMaker:
        remixer = Remixer(corpus, 2, 119 * 256 + 512, settings)
        return BatchMaker(
            remixer=remixer,
            frontend=frontend,
            clock=clock,
            settings=settings,
            seed=5,
            n_classes=2,
            n_sequences=2,
            n_steps=60,
        )

    one, two = maker(), maker()
    one.batch(1)
    for left, right in zip(one.batch(2), two.batch(2), strict=True):
        np.testing.assert_array_equal(left, right)
    features, targets = one.batch(2)
    assert features.shape == (2, 120, 40)
    assert targets.shape == (2, 60, 2)
    assert not np.array_equal(features, one.batch(3)[0])


def test_gain_and_filter_shift_features_by_their_decibels() -> None:
    features = np.zeros((50, 40), np.int8)
    louder = augment_features(features, 0.45, replace(PLAIN, gain_db=(4.5, 4.5)), np.random.default_rng(0))
    assert np.all(louder == 10)


def test_event_free_stretches_keep_their_distance_from_events() -> None:
    events = np.array([[100, 200, 0], [150, 260, 1], [700, 900, 0]])
    assert event_free(events, 1000, 20) == [(0, 80), (280, 680), (920, 1000)]


def test_sequences_longer_than_recordings_are_filled(corpus: Corpus, tmp_path: Path) -> None:
    sequence = Remixer(corpus, 2, 25 * RATE, replace(PLAIN, stitched_background_share=0.0)).sequence(
        np.random.default_rng(0)
    )
    assert len(sequence.pcm) == 25 * RATE
    assert len(sequence.events) >= 4


def sequences(corpus: Corpus, classes: int = 2, **settings: float | tuple[float, float]) -> list[TrainingSequence]:
    remixer = Remixer(corpus, classes, SECONDS * RATE, replace(PLAIN, **settings))  # type: ignore[arg-type]
    return [remixer.sequence(np.random.default_rng(seed)) for seed in SEEDS]


def tone_power(pcm: np.ndarray, hz: float) -> float:
    """Power of what lies within 100 Hz of this frequency."""
    spectrum = np.abs(np.fft.rfft(pcm.astype(np.float64))) ** 2 * 2 / len(pcm) ** 2
    return float(spectrum[np.abs(np.fft.rfftfreq(len(pcm), 1 / RATE) - hz) < 100].sum())


def test_the_power_of_two_backgrounds_is_the_sum_of_their_powers(corpus: Corpus) -> None:
    one = sequences(corpus, added_runs_per_minute=0.0)
    two = sequences(corpus, added_runs_per_minute=0.0, second_background_share=1.0)
    low, high = (1 + 10 ** (level / 10) for level in SECOND_BACKGROUND_DB)
    ratios = [power(after.pcm) / power(before.pcm) for before, after in zip(one, two, strict=True)]
    assert 0.97 * low < min(ratios) < max(ratios) < 1.03 * high
    assert max(ratios) > 1.5 * min(ratios)


def test_two_excerpts_are_added_with_the_events_of_both(corpus: Corpus) -> None:
    plain = {"stitched_background_share": 0.0, "added_runs_per_minute": 0.0}
    one, two = sequences(corpus, **plain), sequences(corpus, **plain, second_excerpt_share=1.0)
    faintest = 3000**2 / 2 * 10 ** (SECOND_EXCERPT_DB[0] / 10)
    for each in two:
        for onset, offset, label in each.events[np.diff(each.events[:, :2])[:, 0] == RATE // 10]:
            assert tone_power(each.pcm[onset:offset], 1000 + 2000 * label) > 0.9 * faintest
    assert sum(len(each.events) for each in two) > 1.5 * sum(len(each.events) for each in one)


def test_sequences_without_events_hold_none(corpus: Corpus) -> None:
    for each in sequences(corpus, empty_share=1.0, stitched_background_share=0.0):
        assert not len(each.events)
        assert power(each.pcm) == pytest.approx(30**2, rel=0.05)


def test_the_speed_of_a_background_changes_its_pitch() -> None:
    hum = np.rint(1000 * np.sin(2 * np.pi * 2000 * np.arange(20 * RATE) / RATE)).astype(np.int16)
    humming = Corpus(hum, np.array([0, len(hum)]), (np.empty((0, 3), np.int64),), RATE)
    for each in sequences(humming, background_speed=(1.25, 1.25)):
        assert tone_power(each.pcm, 2500) == pytest.approx(1000**2 / 2, rel=0.05)
        assert len(each.pcm) == SECONDS * RATE


@pytest.mark.parametrize("labelled", [False, True], ids=["found by their loudness", "labelled as no event"])
def test_distractors_are_mixed_in_as_no_event(corpus: Corpus, labelled: bool) -> None:
    """The 3 kHz tones are no class here; faint ones are found only where they are labelled."""
    known = tuple(events[events[:, 2] == 0] for events in corpus.events)
    others = tuple(events[events[:, 2] == 1] * [1, 1, 0] + [0, 0, NO_CLASS] for events in corpus.events)
    own = replace(corpus, events=known, others=others if labelled else ())
    remixer = Remixer(own, 1, SECONDS * RATE, replace(PLAIN, added_distractors_per_minute=60.0))
    assert len(remixer.distractors) == 9
    for distractor in remixer.distractors:
        assert tone_power(distractor.pcm, 3000) > 0.9 * power(distractor.pcm)
        assert distractor.events[0, 1] - distractor.events[0, 0] == pytest.approx(RATE // 10, abs=RATE // 40)
    own = replace(own, pcm=np.where(np.abs(own.pcm) > 200, np.int16(0), own.pcm))  # no tones in the backgrounds
    remixer._corpus = own
    found = [remixer.sequence(np.random.default_rng(seed)) for seed in SEEDS]
    assert all(set(each.events[:, 2]) <= {0} for each in found)
    assert np.mean([tone_power(each.pcm, 3000) for each in found]) > 50


def test_reverberation_leaves_events_where_their_direct_sound_is(corpus: Corpus) -> None:
    dry, wet = (np.zeros(2 * RATE, np.float32) for _ in range(2))
    dry[RATE // 2] = 1000.0
    for rt60_s, direct_db in ((0.1, 15.0), (0.8, -3.0)):
        wet = reverberated(dry, RATE, rt60_s, direct_db, np.random.default_rng(0))
        assert len(wet) == len(dry)
        assert np.abs(wet[: RATE // 2]).max() < 0.01
        assert wet[RATE // 2] == pytest.approx(1000.0, rel=1e-3)
        tail = wet[RATE // 2 + 1 :].astype(np.float64)
        assert 10 * np.log10(1000.0**2 / np.sum(tail**2)) == pytest.approx(direct_db, abs=0.01)
        early, late = tail[: int(0.2 * rt60_s * RATE)], tail[int(0.4 * rt60_s * RATE) :][: int(0.2 * rt60_s * RATE)]
        assert 10 * np.log10(power(early) / power(late)) == pytest.approx(24, abs=2)  # 60 dB per rt60_s
    for each in sequences(corpus, reverberation_share=1.0, direct_to_reverberant_db=(5.0, 5.0)):
        for onset, offset, label in each.events:
            if onset > 300 and offset - onset > 1000:
                hz = 1000 + 2000 * label
                before = tone_power(each.pcm[onset - 300 : onset], hz)
                assert tone_power(each.pcm[onset : onset + 300], hz) > before


def test_nothing_clips_and_features_stay_int8_with_everything_on(corpus: Corpus) -> None:
    loud = replace(corpus, pcm=np.clip(corpus.pcm.astype(np.int32) * 11, -32768, 32767).astype(np.int16))
    for each in sequences(loud, **{name: value for name, value in vars(ROOMS).items() if name != "run_snr_db"}):
        assert np.abs(each.pcm.astype(np.int32)).max() < 32767
        assert np.all((each.events[:, 0] >= 0) & (each.events[:, 1] <= SECONDS * RATE))


def test_gains_saturate_where_int8_ends_and_band_gains_stay_within_theirs() -> None:
    features = np.repeat(np.array([[-120], [0], [120]], np.int8), 40, axis=1)
    louder = augment_features(features, 0.45, replace(PLAIN, gain_db=(20.0, 20.0)), np.random.default_rng(0))
    assert louder.dtype == np.int8
    assert [set(row) for row in louder.tolist()] == [{-76}, {44}, {127}]
    for seed in SEEDS:
        changed = augment_features(features, 0.45, replace(PLAIN, band_gain_db=9.0), np.random.default_rng(seed))
        gains = changed[1].astype(int)
        assert np.abs(gains).max() <= 20
        assert np.ptp(gains) > 0
        assert np.sum(np.abs(np.diff(gains, 2)) > 2) <= 2 * 5, "linear between five places or fewer"


@pytest.mark.parametrize(("hours", "share"), [(1, 0.25), (9, 0.5)])
def test_recordings_from_outside_of_the_dataset_are_drawn_by_length_and_half_of_the_time_at_most(
    hours: int, share: float
) -> None:
    lengths = np.array([1, 2, hours], np.int64)
    events = (np.empty((0, 3), np.int64),) * 3
    corpus = Corpus(np.zeros(3, np.int16), np.arange(4), events, RATE, n_outside=1)
    shares = corpus.shares(np.arange(3), lengths)
    assert shares[2] == pytest.approx(share)
    assert shares[1] == pytest.approx(2 * shares[0])
    assert shares.sum() == pytest.approx(1)


def test_pieces_that_are_all_from_outside_of_the_dataset_are_drawn_by_length_alone() -> None:
    events = (np.empty((0, 3), np.int64),) * 7
    corpus = Corpus(np.zeros(7, np.int16), np.arange(8), events, RATE, n_outside=6)
    outside, lengths = np.arange(1, 7), np.ones(6, np.int64)
    assert (lengths / lengths.sum()).sum() < 1, "a sum that is rounded down"
    assert corpus.shares(outside, lengths) == pytest.approx([1 / 6] * 6)


def test_a_mask_wider_than_the_features_has_bands_covers_all_of_them_at_most() -> None:
    features = np.repeat(np.array([[0], [100]], np.int8), 4, axis=1)
    wide = replace(PLAIN, masked_bands_max=1000)
    masked = [augment_features(features, 0.45, wide, np.random.default_rng(seed))[0] for seed in range(50)]
    assert {int(np.sum(each == 50)) for each in masked} == {0, 1, 2, 3, 4}
