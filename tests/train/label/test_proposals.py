"""What is proposed for a recording does not depend on how long it is, and touches nothing that a detector heard."""

from pathlib import Path

import pytest
import soundfile
from tiny_detector import RATE, noise_bursts

from stapes.firmware_sim.errors import AudioError
from stapes.runtime.labels import Annotation
from stapes.train.label import proposals
from stapes.train.label.proposals import Listener, touches

BURSTS = [(float(t), t + 0.4, "hiss" if t % 3 else "rumble") for t in range(5, 175, 7)]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "long.wav"
    soundfile.write(path, noise_bursts(180.0, BURSTS), RATE)
    return path


def test_a_long_recording_is_heard_in_pieces_and_each_sound_is_proposed_once(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Listener(None).hear(recording).sounds
    monkeypatch.setattr(proposals, "PIECE_S", 20.0)
    listener = Listener(None)
    assert len(list(listener.pieces(recording))) == 9
    in_pieces = listener.hear(recording).sounds
    onsets = [onset for onset, _, _ in BURSTS]
    assert [each.onset for each in in_pieces] == pytest.approx(onsets, abs=0.03)
    assert [each.onset for each in in_pieces] == pytest.approx([each.onset for each in whole], abs=0.02)


def test_only_the_pieces_that_are_asked_for_are_read(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposals, "PIECE_S", 20.0)
    [piece] = Listener(None).pieces(recording, [65.0, 66.0])
    assert piece.holds(65.0)
    assert not piece.holds(85.0)
    assert len(piece.levels.level_db) * piece.levels.clock.step_s < 20 + 2 * proposals.MARGIN_S + 1


def test_the_scores_and_events_are_those_of_the_detector(tiny_detector: Path, recording: Path) -> None:
    listener = Listener(tiny_detector)
    events, scores = listener.detected(recording)
    assert listener.detector is not None
    assert [(each.onset, each.label) for each in events] == [
        (each.onset, each.label) for each in listener.detector.detect(recording)
    ]
    assert (scores == listener.detector.scores(recording)).all()
    heard = listener.hear(recording)
    assert [each.label for each in heard.events] == [label for _, _, label in BURSTS]
    assert not heard.sounds, "the detector heard all of them"


def test_a_recording_that_is_cut_off_is_an_error_that_says_where(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposals, "PIECE_S", 20.0)
    recording.write_bytes(recording.read_bytes()[: 100 * RATE * 2])
    with pytest.raises(AudioError, match="cut off"):
        Listener(None).hear(recording)


def test_a_point_touches_the_sound_that_it_lies_in_and_a_stretch_needs_to_overlap() -> None:
    sound = Annotation(1.0, 1.2, "")
    assert touches(sound, [Annotation(1.1, 1.1, "pop")])
    assert touches(sound, [Annotation(0.96, 0.96, "pop")]), "within POINT_S of it"
    assert not touches(sound, [Annotation(0.9, 0.9, "pop"), Annotation(0.5, 1.0, "pop")])
