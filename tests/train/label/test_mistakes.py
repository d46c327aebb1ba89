"""Mistakes of a detector, and the excerpts of recordings around them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from labelled_noise import SOUNDS
from tiny_detector import noise_bursts

from stapes.runtime.audio import read_audio
from stapes.runtime.detector import Detector
from stapes.train.data.dataset import open_dataset
from stapes.train.judge.judged import judge_recordings
from stapes.train.label.mistakes import excerpt, mistakes


def test_an_excerpt_is_cut_out_of_any_kind_of_recording(tiny_detector: Path, tmp_path: Path) -> None:
    """44.1 kHz in two channels: the part that is read and converted is the one of the whole recording."""
    (tmp_path / "test").mkdir()
    path = tmp_path / "test" / "a.flac"
    left = noise_bursts(8.0, SOUNDS, rate=44_100)
    soundfile.write(path, np.stack([left, left // 2], axis=1), 44_100)
    (tmp_path / "test" / "a.txt").write_text("1\t1.6\thiss\n4\t5.5\thiss\n")
    detector = Detector.load(tiny_detector)
    false = mistakes(detector, judge_recordings(detector, open_dataset(tmp_path).splits["test"]), "false")
    assert len(false) == 1
    part = excerpt(false[0], 16_000, around_s=0.5)
    assert part.begin_s == pytest.approx(2.0, abs=0.05)
    whole = read_audio(path, 16_000).pcm
    first = round(part.begin_s * 16_000)
    assert abs(len(part.pcm) - 16_000 * (part.end_s - part.begin_s)) <= 2
    middle = slice(2000, len(part.pcm) - 2000)  # at the ends the resampler hears silence, not the recording;
    # rumble is low enough that a fraction of a sample does not matter
    here, there = part.pcm[middle].astype(float), whole[first:][middle].astype(float)
    assert np.corrcoef(here, there)[0, 1] > 0.99
