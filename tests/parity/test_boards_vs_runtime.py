"""Ten minutes of real recordings: every board and this machine compute what the Python runtime computes."""

from pathlib import Path

import numpy as np
import pytest

from stapes.firmware_sim.device.folder import read_folder
from stapes.firmware_sim.machines.boards import BOARDS
from stapes.firmware_sim.machines.simulation import build_detector
from stapes.runtime.audio import read_audio
from stapes.runtime.detector import Detector

RECORDINGS = 20  # of 30 seconds


@pytest.mark.slow
def test_ten_minutes_of_soundscapes_vs_runtime(soundscapes: Path, compiled_detector: Path, tmp_path: Path) -> None:
    """Features and scores are equal in every bit, events to the sample."""
    paths = sorted((soundscapes / "val" / "audio").glob("*.flac"))[:RECORDINGS]
    pcm = np.concatenate([read_audio(path, 16_000).pcm for path in paths])
    assert len(pcm) == RECORDINGS * 30 * 16_000
    detector = Detector.load(compiled_detector, engine="litert")
    heard = detector.hear_recording(pcm)
    assert len(heard.events) > 100
    for board in (None, *BOARDS.values()):
        built = build_detector(read_folder(compiled_detector), board, tmp_path)
        here = built.hear(pcm, count=False)
        assert np.array_equal(here.features[: len(heard.features)], heard.features), built.machine
        assert np.array_equal(here.scores, heard.scores), built.machine
        assert here.events == heard.events, built.machine
