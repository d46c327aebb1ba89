"""Hard negatives: event-free sound that the network takes for events is drawn more often, within limits.

Referees: shares by plain arithmetic with a chi-square test, sounds that were put at known places, and numpy's own
generator for draws that must not have changed.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chisquare

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, make_tables
from stapes.train.data.corpus import Corpus, event_free
from stapes.train.learn.augment import Remixer
from stapes.train.learn.hard_pieces import HardPieces
from stapes.train.learn.mining import Mining, most_heard_s
from stapes.train.settings import AugmentationSettings, Settings, TrainingSettings

RATE = 16_000
FRONTEND = Frontend(make_tables(FrontendConfig()))
CLOCK = StepClock.of(FrontendConfig(), frames_per_step=2, target_delay_steps=4)
PLAIN = AugmentationSettings(stitched_background_share=1.0, added_runs_per_minute=0.0)
NOISE, EVENT = 20, 20_000  # the loudest sample without events, and every sample of an event


def corpus_of(events_s: list[list[tuple[float, float]]], length_s: float = 20.0, n_outside: int = 0) -> Corpus:
    """Return recordings of faint noise, in which only the samples of events are large."""
    length = int(length_s * RATE)
    pcm = np.random.default_rng(0).integers(-NOISE, NOISE + 1, len(events_s) * length).astype(np.int16)
    events = [np.array([(int(a * RATE), int(b * RATE), 0) for a, b in each], np.int64) for each in events_s]
    for index, each in enumerate(events):
        for onset, offset, _ in each.reshape(-1, 3):
            pcm[index * length + onset : index * length + offset] = EVENT
    starts = np.arange(len(events_s) + 1, dtype=np.int64) * length
    return Corpus(pcm, starts, tuple(each.reshape(-1, 3) for each in events), RATE, n_outside=n_outside)


@pytest.fixture
def corpus() -> Corpus:
    return corpus_of([[(2.0, 3.0), (9.0, 9.5)], [], [(0.0, 1.0), (19.0, 20.0)]])


def pieces_of(corpus: Corpus) -> HardPieces:
    return Remixer(corpus, 1, 5 * RATE, replace(PLAIN, hard_negatives=1.0)).hard_pieces


def mining(corpus: Corpus, pieces: HardPieces, most_s: float = 1e6) -> Mining:
    return Mining(corpus=corpus, pieces=pieces, frontend=FRONTEND, clock=CLOCK, seed=1, most_s=most_s)


def loud_is_an_event(features: list[np.ndarray]) -> list[np.ndarray]:
    """Score .8 for loud steps, as late as the clock says, and .1 for all others."""
    scores = []
    for each in features:
        loud = each[: len(each) // 2 * 2].reshape(-1, 2 * each.shape[1]).max(axis=1) > 0
        late = np.concatenate([np.zeros(CLOCK.target_delay_steps, bool), loud])[: len(loud)]
        scores.append(np.stack([np.full(len(late), 0.1), np.where(late, 0.8, 0.1)], axis=1).astype(np.float32))
    return scores


def test_pieces_cover_all_time_without_events_and_none_with_them(corpus: Corpus) -> None:
    covered = np.zeros(len(corpus.pcm), int)
    for start, stop, _ in pieces_of(corpus).places:
        assert 0 < stop - start <= 4 * RATE
        covered[start:stop] += 1
    expected = np.zeros(len(corpus.pcm), int)
    for index, begin in enumerate(corpus.starts[:-1]):
        for start, stop in event_free(corpus.events[index], 20 * RATE, RATE // 10):
            expected[begin + start : begin + stop] = 1
    np.testing.assert_array_equal(covered, expected)


def test_a_piece_is_drawn_as_often_as_its_length_and_its_highest_score_say(corpus: Corpus) -> None:
    pieces = pieces_of(corpus)
    scores = np.random.default_rng(3).uniform(0, 1, len(pieces.places))
    pieces.hardness = scores
    weights = [
        (stop - start) * (10 if score >= 0.5 else 1 + 9 * (score / 0.5) ** 2)
        for (start, stop, _), score in zip(pieces.places, scores, strict=True)
    ]
    rng, drawn = np.random.default_rng(4), {int(start): 0 for start, _, _ in pieces.places}
    for _ in range(20_000):
        drawn[pieces.draw(rng)[0]] += 1
    expected = [20_000 * weight / sum(weights) for weight in weights]
    assert min(expected) > 50, "the test below needs as many"
    assert chisquare(list(drawn.values()), expected).pvalue > 0.01
    by_length = 20_000 * np.diff(pieces.places[:, :2])[:, 0] / np.diff(pieces.places[:, :2]).sum()
    assert chisquare(list(drawn.values()), by_length).pvalue < 1e-9, "the test tells the two apart"


def test_what_an_annotator_missed_is_preferred_tenfold_at_most_and_not_over_a_likely_false_alarm(
    corpus: Corpus,
) -> None:
    pieces = pieces_of(corpus)
    lengths = np.diff(pieces.places[:, :2])[:, 0]
    hardness = np.zeros(len(lengths))
    hardness[:2] = [1.0, 0.5]
    pieces.hardness = hardness
    per_second = pieces.shares / lengths
    assert per_second[0] == pytest.approx(per_second[1])
    np.testing.assert_allclose(per_second[0] / per_second[2:], 10.0)
    assert pieces.shares.sum() == pytest.approx(1.0)


def test_recordings_from_outside_of_the_dataset_are_mined_too() -> None:
    corpus = corpus_of([[(2.0, 3.0)], []], n_outside=1)
    pieces = pieces_of(corpus)
    loud = 33 * RATE  # in the second recording
    corpus.pcm[loud : loud + RATE // 2] = np.random.default_rng(0).integers(-9000, 9000, RATE // 2)
    mining(corpus, pieces).hear(loud_is_an_event, 1)
    start, stop, recording = pieces.places[pieces.hardness.argmax()]
    assert start <= loud < stop
    assert recording == 1


def test_without_the_setting_draws_are_what_they_always_were(corpus: Corpus) -> None:
    """The first draws of a sequence are those of a plain generator: two shares, a stretch by its length, a place."""
    for settings in (PLAIN, replace(PLAIN, hard_negatives=1.0)):
        remixer = Remixer(corpus, 1, 5 * RATE, settings)  # mining changes nothing before the first check
        for seed in range(20):
            rng = np.random.default_rng(seed)
            assert (rng.random(), rng.random()) < (1.0, 1.0)
            stretches = [
                (begin + start, begin + stop)
                for index, begin in enumerate(corpus.starts[:-1])
                for start, stop in event_free(corpus.events[index], 20 * RATE, RATE // 10)
            ]
            lengths = np.array([stop - start for start, stop in stretches])
            start, stop = stretches[rng.choice(len(stretches), p=lengths / lengths.sum())]
            if stop - start > 5 * RATE:
                start += rng.integers(stop - start - 5 * RATE + 1)
            plain = corpus.pcm[start : min(stop, start + 5 * RATE)][: -RATE // 50]
            np.testing.assert_array_equal(remixer.sequence(np.random.default_rng(seed)).pcm[: len(plain)], plain)


def test_mined_sequences_hold_no_event_and_mostly_what_is_hard(corpus: Corpus) -> None:
    settings = replace(PLAIN, hard_negatives=1.0, added_runs_per_minute=60.0, stitched_background_share=0.0)
    hardest = 33 * RATE
    corpus.pcm[hardest : hardest + RATE // 2] = 900
    remixer = Remixer(corpus, 1, 5 * RATE, settings)
    mining(corpus, remixer.hard_pieces).hear(loud_is_an_event, 1)
    found = [remixer.sequence(np.random.default_rng(seed)) for seed in range(100)]
    assert not any(len(each.events) for each in found)
    assert max(np.abs(each.pcm).max() for each in found) == 900, "what lies within events is never there"
    with_it = np.mean([np.abs(each.pcm).max() == 900 for each in found])
    share = remixer.hard_pieces.shares.max()
    assert with_it > share > 3 / len(remixer.hard_pieces.places), "a sequence is made of more than one piece"


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_the_setting_is_the_share_of_sequences_that_are_mined(share: float) -> None:
    dense = corpus_of([[(at, at + 0.1) for at in np.arange(0.5, 19.0, 1.5)]])  # any 2 s of it hold an event
    remixer = Remixer(dense, 1, 2 * RATE, replace(PLAIN, hard_negatives=share, stitched_background_share=0.0))
    remixer.hard_pieces.hardness = np.full(len(remixer.hard_pieces.places), 0.3)
    empty = sum(not len(remixer.sequence(np.random.default_rng(seed)).events) for seed in range(300))
    assert abs(empty - 300 * share) <= 3 * np.sqrt(300 * share * (1 - share))


def test_a_high_score_belongs_to_the_piece_whose_sound_it_stands_for() -> None:
    corpus = corpus_of([[], [(6.0, 7.0)]])
    rng = np.random.default_rng(5)
    for begin_s, seconds in ((11.0, 0.5), (27.2, 0.2), (31.9, 0.016)):
        begin, end = int(begin_s * RATE), int((begin_s + seconds) * RATE)
        corpus.pcm[begin:end] = rng.integers(-9000, 9000, end - begin)
    pieces = pieces_of(corpus)
    mining(corpus, pieces).hear(loud_is_an_event, 1)
    for (start, stop, _), hardness in zip(pieces.places / RATE, pieces.hardness, strict=True):
        if start <= 11.0 < stop:
            assert hardness == pytest.approx(0.8), "half a second of high scores is likely to be a false alarm"
        elif start <= 31.9 < stop:
            assert 0.1 < hardness < 0.7, "a step or two are not, and those of the event before it do not count"
        else:
            assert hardness == pytest.approx(0.1), "0.2 s behind an event its own high scores may not have ended"


def test_recordings_that_are_longer_than_what_is_heard_at_a_time_take_turns() -> None:
    corpus = corpus_of([[(50.0, 51.0)], [], []], length_s=100.0)
    pieces = pieces_of(corpus)
    miner = mining(corpus, pieces, most_s=70.0)
    heard, lengths = np.zeros(len(pieces.places), int), np.diff(pieces.places[:, :2])[:, 0]
    for turn in range(1, 6):
        pieces.hardness = np.zeros(len(lengths))
        miner.hear(loud_is_an_event, turn)
        now = pieces.hardness > 0
        assert 0 < lengths[now].sum() <= (70 + 60) * RATE
        heard += now
    assert heard.min() >= 1, "five times 70 s are more than three recordings of 100 s"
    assert miner.heard_s == 70.0
    pieces.hardness = np.full(len(lengths), 0.25)
    miner.hear(loud_is_an_event, 1)
    assert 0.25 in pieces.hardness, "what was not heard keeps what is known of it"


def test_hearing_that_is_interrupted_changes_nothing_and_is_the_same_when_it_is_made_again(corpus: Corpus) -> None:
    pieces = pieces_of(corpus)
    miner = mining(corpus, pieces)

    def interrupted(_: list[np.ndarray]) -> list[np.ndarray]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        miner.hear(interrupted, 1)
    assert not pieces.are_known
    miner.hear(loud_is_an_event, 1)
    once = miner.state()
    miner.hear(loud_is_an_event, 1)
    other = mining(corpus, pieces_of(corpus))
    other.restore(once)
    np.testing.assert_array_equal(other.pieces.shares, pieces.shares)


@pytest.mark.parametrize("events", [[(0.0, 20.0)], [(0.0, 10.0), (10.5, 20.0)]], ids=["none", "0.3 s"])
def test_recordings_that_are_full_of_events_are_trained_on_as_without_mining(events: list[tuple[float, float]]) -> None:
    corpus = corpus_of([events])
    with_mining, without = (Remixer(corpus, 1, 5 * RATE, replace(PLAIN, hard_negatives=share)) for share in (1.0, 0.0))
    miner = mining(corpus, with_mining.hard_pieces)
    miner.hear(loud_is_an_event, 1)
    assert miner.heard_s == 0.0
    for seed in range(5):
        one, other = (each.sequence(np.random.default_rng(seed)) for each in (with_mining, without))
        np.testing.assert_array_equal(one.pcm, other.pcm)
        np.testing.assert_array_equal(one.events, other.events)


def test_a_check_hears_a_tenth_of_the_seconds_that_were_trained_on_and_nothing_without_the_setting() -> None:
    training = TrainingSettings(check_every_steps=100, batch_sequences=10, sequence_s=8.0)
    mined = Settings(training=training, augmentation=AugmentationSettings(hard_negatives=0.1))
    assert most_heard_s(mined) == pytest.approx(800.0)
    assert most_heard_s(Settings(training=training)) == 0.0
