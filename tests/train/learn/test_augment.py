"""Training sequences: events lie at their labels, the SNR is as set, and seed and number determine a batch."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, make_tables
from stapes.train.data.corpus import Corpus, event_free
from stapes.train.learn.augment import BatchMaker, Remixer, augment_features
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


def test_a_batch_depends_on_seed_and_number_alone(corpus: Corpus) -> None:
    settings = AugmentationSettings()
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
