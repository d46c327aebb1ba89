"""The device's loop in Python: the same events for any block size, and a clock that includes gaps."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray
from tiny_detector import CLASSES, FRAMES_PER_STEP, noise_bursts

from stapes.firmware_sim.device.events import Event, EventDecoder
from stapes.firmware_sim.device.folder import read_folder
from stapes.firmware_sim.device.frontend import Frontend
from stapes.firmware_sim.device.tail import with_tail
from stapes.firmware_sim.errors import AudioError, ConfigError, DetectorFolderError
from stapes.runtime.detector import Detector

BURSTS = [(1.0, 1.6, "hiss"), (2.5, 3.0, "rumble"), (4.0, 5.5, "hiss"), (5.0, 6.0, "rumble")]


@pytest.fixture(scope="module")
def recording() -> NDArray[np.int16]:
    return noise_bursts(8.0, BURSTS)


def _reference_scores(path: Path, pcm: NDArray[np.int16]) -> NDArray[np.int8]:
    """Compute scores from the features of the recording and its tail, in a loop over LiteRT's signature runner."""
    folder = read_folder(path)
    features = Frontend(folder.tables).features(with_tail(folder.clock, pcm))
    runner = Interpreter(
        model_content=folder.model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    ).get_signature_runner("step")
    state = np.zeros((1, 2, folder.frontend.n_bands, 1), np.int8)
    scores = []
    for step in range(len(features) // FRAMES_PER_STEP):
        frames = features[step * FRAMES_PER_STEP : (step + 1) * FRAMES_PER_STEP]
        out = runner(features=frames[None, :, :, None], state_frames=state)
        state = out["state_frames"]
        scores.append(out["scores"][0])
    return np.array(scores, np.int8)


def test_scores_vs_litert_signature_runner(tiny_detector: Path, detector: Detector, recording: np.ndarray) -> None:
    expected = _reference_scores(tiny_detector, recording)
    assert len(np.unique(expected)) > 30, "the scores move"
    assert np.array_equal(detector.scores(recording), expected)
    assert np.array_equal(detector.scores(recording), expected), "each call starts afresh"


def test_the_bursts_are_detected_where_they_are(detector: Detector, recording: np.ndarray) -> None:
    events = detector.detect(recording)
    assert [event.label for event in events] == [label for _, _, label in BURSTS]
    for event, (onset, offset, _) in zip(events, BURSTS, strict=True):
        assert event.onset == pytest.approx(onset, abs=0.15)
        assert event.offset == pytest.approx(offset, abs=0.15)


@pytest.mark.parametrize("size", [1, 17, 255, 256, 257, 512, 4096, 1 << 20])
def test_any_block_size_gives_the_same_events(detector: Detector, recording: np.ndarray, size: int) -> None:
    pcm = recording[:48_000] if size == 1 else recording
    whole = list(detector.stream([pcm]))
    assert any(event.offset_sample is None for event in whole), "announced before complete"
    blocks = (pcm[at : at + size] for at in range(0, len(pcm), size))
    assert list(detector.stream(blocks)) == whole


def test_events_are_what_the_event_decoder_makes_of_the_scores(detector: Detector, recording: np.ndarray) -> None:
    decoder = EventDecoder(CLASSES, detector.folder.events, detector.folder.clock)
    expected = decoder.push(detector.scores(recording)) + decoder.flush()
    assert list(detector.stream([recording])) == expected


def test_a_file_gives_the_events_of_its_samples(detector: Detector, recording: np.ndarray, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "hall.flac", recording, 16_000)
    assert detector.detect(tmp_path / "hall.flac") == detector.detect(recording)


def _moved(event: Event, samples: int) -> tuple[str, int, int | None]:
    offset = None if event.offset_sample is None else event.offset_sample + samples
    return event.label, event.onset_sample + samples, offset


def test_after_a_gap_all_states_start_afresh_and_the_clock_includes_the_gap(
    detector: Detector, recording: np.ndarray
) -> None:
    cut, lost = 4 * 16_000 + 5_000, 12_345  # inside the second hiss
    before, after = recording[:cut], recording[cut:]
    decoder = EventDecoder(CLASSES, detector.folder.events, detector.folder.clock)
    expected = [_moved(event, 0) for event in decoder.push(detector.hear(before).scores) + decoder.flush()]
    expected += [_moved(event, cut + lost) for event in detector.stream([after])]
    detector.reset()
    heard = detector.push(before) + detector.gap(lost) + detector.push(after) + detector.flush()
    assert [_moved(event, 0) for event in heard] == expected
    assert len({event.onset_sample for event in heard if event.label == "hiss"}) == 3, "the gap cuts the second hiss"


def test_the_clock_counts_samples_and_gaps(detector: Detector, recording: np.ndarray) -> None:
    detector.push(recording[:1000])
    assert detector.position_samples == 1000
    detector.gap(500)
    assert detector.position_samples == 1500
    detector.flush()
    assert detector.position_samples == 0


@pytest.mark.parametrize("lost", [-1, 2**62, 0.5, True, None])
def test_a_gap_of_an_impossible_length_is_refused_and_changes_nothing(
    detector: Detector, recording: np.ndarray, lost: Any
) -> None:
    detector.reset()
    heard = detector.push(recording[:70_000])
    with pytest.raises(ConfigError, match=r"samples were lost: need a whole number from 0 to \d+"):
        detector.gap(lost)
    heard += detector.push(recording[70_000:]) + detector.flush()
    assert heard == list(detector.stream([recording]))


def test_what_is_kept_between_blocks_does_not_grow(detector: Detector, recording: np.ndarray) -> None:
    for at in range(0, len(recording), 100):
        detector.push(recording[at : at + 100])
        assert len(detector._pending) < 512 + 512  # a window and a step
        assert len(detector._recent) <= 512 + 128  # of which the tail is made


@pytest.mark.parametrize("samples", [0, 1, 128, 511, 639])
def test_less_than_a_step_has_no_event(detector: Detector, samples: int) -> None:
    loud = noise_bursts(0.04, [(0.0, 0.04, "hiss")])[:samples]
    assert len(detector.scores(loud)) <= detector.folder.target_delay_steps
    assert detector.detect(np.zeros(samples, np.int16)) == []


@pytest.mark.parametrize("samples", [640, 641, 640 + 511, 640 + 512, 8_000, 16_001])
def test_every_whole_step_of_a_recording_has_its_score(detector: Detector, samples: int) -> None:
    """Step j ends at sample (j + 1) * 512 + 128; its score comes a step later."""
    assert detector.scores(np.zeros(samples, np.int16)).shape == (1 + (samples - 128) // 512, 2)


def test_samples_of_another_kind_are_refused(detector: Detector) -> None:
    with pytest.raises(AudioError, match=r"int16\[samples\] at 16000 Hz, got float32\[10, 2\]"):
        detector.push(np.zeros((10, 2), np.float32))  # type: ignore[arg-type]


def test_an_unknown_engine_and_a_missing_folder_are_errors_of_one_line(tiny_detector: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="engine 'gpu' is not known"):
        Detector.load(tiny_detector, engine="gpu")
    with pytest.raises(DetectorFolderError, match="no such detector folder"):
        Detector.load(tmp_path / "none.stapes")


def test_scores_take_a_path_as_detect_does(tiny_detector: Path, tmp_path: Path) -> None:
    pcm = noise_bursts(2.0, [(0.5, 1.0, "hiss")])
    soundfile.write(tmp_path / "hall.flac", pcm, 16_000)
    detector = Detector.load(tiny_detector)
    assert np.array_equal(detector.scores(tmp_path / "hall.flac"), detector.scores(pcm))
    (event,) = detector.detect(str(tmp_path / "hall.flac"))
    assert repr(event).startswith(f"Event('hiss', {event.onset:.3f} s to {event.offset:.3f} s, confidence 0.")
