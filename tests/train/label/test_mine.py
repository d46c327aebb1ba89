"""`stapes mine`: false alarms of event-free recordings become training data."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from labelled_noise import tsv_rows
from tiny_detector import noise_bursts

from stapes.runtime.main import main
from stapes.train.data.dataset import open_dataset
from stapes.train.label.mine import stretches


def test_stretches_join_what_overlaps_and_stay_inside_the_recording() -> None:
    assert stretches([(1.0, 1.5), (20.0, 20.5), (4.0, 5.0)], 21.0) == [(0.0, 7.0), (18.0, 21.0)]
    assert stretches([], 21.0) == []


def test_mined_false_alarms_are_event_free_training_data(
    tiny_detector: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet = tmp_path / "quiet" / "night"
    quiet.mkdir(parents=True)
    soundfile.write(quiet / "x.wav", noise_bursts(60.0, [(10.0, 10.5, "hiss"), (40.0, 40.5, "rumble")]), 16_000)
    soundfile.write(quiet / "y.wav", noise_bursts(60.0, []), 16_000)
    out = tmp_path / "mined"
    assert main(["mine", str(tiny_detector), str(tmp_path / "quiet"), "--out", str(out)]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()[1:]] == [
        ["rumble", "1", "30.0"],
        ["hiss", "1", "30.0"],
    ]
    rows = tsv_rows(out / "mined.tsv")
    assert [row["source"] for row in rows] == ["night/x.wav", "night/x.wav"]
    assert [row["event_labels"] for row in rows] == ["hiss", "rumble"]
    original, _ = soundfile.read(quiet / "x.wav", dtype="int16")
    begin, end = (round(16_000 * float(rows[0][name])) for name in ("begin", "end"))
    assert begin < 10.0 * 16_000 < 10.5 * 16_000 < end
    np.testing.assert_array_equal(soundfile.read(out / rows[0]["filename"], dtype="int16")[0], original[begin:end])
    shutil.move(out, data / "train")
    part = open_dataset(data).splits["train"]
    assert [each.annotations for each in part] == [(), ()]


def test_mine_needs_recordings(tiny_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main(["mine", str(tiny_detector), str(empty), "--out", str(tmp_path / "out")]) == 1
    assert str(empty) in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_recordings_without_a_sample_are_no_hours_to_count_false_alarms_in(
    tiny_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet = tmp_path / "quiet"
    quiet.mkdir()
    soundfile.write(quiet / "x.wav", np.zeros(0, np.int16), 16_000)
    assert main(["mine", str(tiny_detector), str(quiet), "--out", str(tmp_path / "out")]) == 1
    assert "its 1 recordings hold no samples; record some without any event" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
