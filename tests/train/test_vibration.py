"""docs/vibration.md: with a settings file, the same commands work for an accelerometer."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stapes.runtime.main import main

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def example() -> dict[str, object]:
    return runpy.run_path(str(DOCS / "vibration.py"))


def test_a_log_becomes_a_recording_at_its_own_rate(example: dict[str, object], tmp_path: Path) -> None:
    acceleration = np.array([1.0, -0.5, 0.25, 9.0])
    rows = [f"{n / 400:.6f},{value}" for n, value in enumerate(acceleration)]
    (tmp_path / "log.csv").write_text("time_s,acceleration_g\n" + "\n".join(rows) + "\n")
    example["csv_to_wav"](tmp_path / "log.csv", tmp_path / "log.wav")  # type: ignore[operator]
    pcm, rate = soundfile.read(tmp_path / "log.wav", dtype="int16")
    assert rate == 400
    assert pcm.tolist() == [8192, -4096, 2048, 32767]


@pytest.mark.slow
def test_a_knocking_bearing_is_trained_on_and_detected(
    example: dict[str, object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorflow")
    sounds, detector = tmp_path / "knocks", tmp_path / "knocks.stapes"
    example["main"](sounds)  # type: ignore[operator]
    assert main(["train", str(sounds), "--config", str(DOCS / "vibration.toml"), "--out", str(detector)]) == 0
    capsys.readouterr()
    assert main(["detect", str(detector), str(sounds / "test" / "test0.wav"), "--format", "csv"]) == 0
    found = len(capsys.readouterr().out.strip().splitlines()) - 1
    true = sum("test0.wav" in line for line in (sounds / "test" / "labels.tsv").read_text().splitlines())
    assert abs(found - true) <= 0.2 * true
