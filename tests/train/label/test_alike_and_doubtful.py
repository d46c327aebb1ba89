"""The sounds most like a given one, and those that a detector is in doubt about."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_detector import RATE, noise_bursts

from stapes.runtime.labels import Annotation
from stapes.train.label.alike import distances, most_alike, nearest
from stapes.train.label.doubtful import most_doubtful
from stapes.train.label.proposals import Listener
from stapes.train.label.sounds import Sound, Sounds

BURSTS = [(t, t + 0.3 + 0.05 * (t % 3), "hiss" if t % 6 else "rumble") for t in range(2, 26, 2)]
THRESHOLDS = {"bark": 0.5, "cough": 0.3}


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "x.wav"
    soundfile.write(path, noise_bursts(30.0, BURSTS), RATE)
    return path


def _sound(recording: str, onset: float, timbre: float = 0.0, probabilities: tuple[float, ...] = (0.0, 0.0)) -> Sound:
    shape = np.array([np.cos(timbre), np.sin(timbre), 0.0, 0.0])
    return Sound(recording, onset, onset + 0.1, "", None, shape, np.array(probabilities))


def test_the_most_alike_of_a_labelled_sound_are_those_of_its_kind(recording: Path) -> None:
    sounds = Sounds(Listener(None))
    found = sounds.proposed(recording, "x.wav")
    kinds = {round(onset): label for onset, _, label in BURSTS}
    for label in ("hiss", "rumble"):
        event = next(Annotation(*burst) for burst in BURSTS if burst[2] == label)
        [labelled] = sounds.labelled(recording, "x.wav", [event])
        same = [each for each in kinds.values() if each == label]
        alike = most_alike(labelled, found, len(same))
        assert [kinds[round(each.onset)] for each in alike] == same


def test_a_point_label_sounds_like_the_sound_that_begins_there(recording: Path) -> None:
    sounds = Sounds(Listener(None))
    stretch, point = sounds.labelled(recording, "x.wav", [Annotation(4.0, 4.35, "hiss"), Annotation(4.0, 4.0, "hiss")])
    assert distances([stretch], [point])[0, 0] < 0.1


def test_a_sound_carries_the_highest_probability_of_each_class(tiny_detector: Path, recording: Path) -> None:
    sounds = Sounds(Listener(tiny_detector))
    detector = sounds.listener.detector
    assert detector is not None
    found = sounds.proposed(recording, "x.wav")
    assert [each.label for each in found] == [label for _, _, label in BURSTS]
    for each in found:
        assert each.probabilities[detector.classes.index(each.label)] >= (each.confidence or 1)


def test_a_recording_is_heard_again_only_when_its_file_changes(recording: Path) -> None:
    sounds = Sounds(Listener(None))
    first = sounds.proposed(recording, "x.wav")
    assert sounds.proposed(recording, "x.wav") is first
    soundfile.write(recording, noise_bursts(10.0, BURSTS[:3]), RATE)
    assert not sounds.knows(recording)
    assert len(sounds.proposed(recording, "x.wav")) == 3


def test_the_distance_of_the_nearest_is_the_least_of_all_distances() -> None:
    """Referee: the matrix of all distances."""
    some = [_sound("a" if n % 2 else "b", n, timbre=n * n / 9) for n in range(7)]
    others = [_sound("a", n, timbre=n / 5) for n in range(5)]
    assert nearest(some, others) == pytest.approx(distances(some, others).min(axis=1))
    elsewhere = nearest(some, others, elsewhere=True)
    assert np.isinf(elsewhere[1::2]).all()
    assert np.isfinite(elsewhere[::2]).all()
    assert np.isinf(nearest(some, [])).all()


def test_a_class_near_its_threshold_and_two_that_disagree_come_before_what_is_clear() -> None:
    known = [_sound("z", 0), _sound("y", 0)]
    clear = [_sound("a", n, probabilities=(0.98, 0.01)) for n in range(3)]
    near = _sound("b", 1.0, probabilities=(0.02, 0.31))
    both = _sound("c", 1.0, probabilities=(0.9, 0.8))
    first, second, *rest = most_doubtful([*clear, near, both], known, THRESHOLDS, 5)
    assert (first.sound, second.sound) == (near, both) or (first.sound, second.sound) == (both, near)
    notes = {first.note, second.note}
    assert notes == {"cough at 0.31, near its threshold of 0.30", "bark (0.90) or cough (0.80)"}
    assert len(rest) == 3


def test_without_a_detector_what_is_unlike_everything_labelled_comes_first_and_one_of_a_kind_is_enough() -> None:
    known = [_sound("z", 0), _sound("y", 0, timbre=0.05)]
    same = [_sound("a", n, timbre=0.02) for n in range(4)]
    new = [_sound("b", n, timbre=1.5) for n in range(3)]
    first, second = most_doubtful([*same, *new], known, {}, 2)
    assert first.sound is new[0]
    assert first.note == "unlike anything labelled so far"
    assert second.sound in same, "the others of the new kind count as known once one was chosen"


def test_the_same_sounds_in_another_order_give_the_same_answer() -> None:
    some = [_sound("a", n, timbre=n / 3, probabilities=(n / 12, 0.3)) for n in range(12)]
    answers = [
        [(each.sound.onset, each.total) for each in most_doubtful(order, some[:2], THRESHOLDS, 6)]
        for order in (some, some[::-1])
    ]
    assert answers[0] == answers[1]


def test_a_detector_of_one_class_has_no_classes_that_disagree() -> None:
    some = [replace(_sound("a", n), probabilities=np.array([n / 10])) for n in range(10)]
    assert most_doubtful(some, some, {"key": 0.5}, 1)[0].sound.onset == 5
    assert most_doubtful([], some, {"key": 0.5}, 3) == []
