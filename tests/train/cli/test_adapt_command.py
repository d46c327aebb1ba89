"""`stapes adapt`: unlabelled hours from the place where a detector listens set its thresholds, never its weights."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_detector import noise_bursts

from stapes.firmware_sim.device.events import SILENT
from stapes.firmware_sim.device.folder import DetectorFolder, read_folder
from stapes.runtime.main import main
from stapes.train.data.background import open_unlabelled
from stapes.train.judge.adaptation import SENSITIVITIES, adapted, hear_place


@pytest.fixture
def detector(tiny_detector: Path, tmp_path: Path) -> Path:
    """A copy of the tiny detector that tests may change."""
    return Path(shutil.copytree(tiny_detector, tmp_path / "tiny.stapes"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Ninety seconds in which `hiss` is detected twelve times, four of them weakly, and `rumble` never."""
    folder = tmp_path / "hallway"
    folder.mkdir()
    for index in range(2):
        bursts = [(start, start + 0.6, "hiss") for start in np.arange(2.0, 38.0, 6.0)]
        soundfile.write(folder / f"{index}.wav", noise_bursts(45.0, bursts, seed=index), 16_000)
    return folder


def detections(path: Path, place: Path, label: str) -> int:
    """What the runtime detects, which is the referee."""
    from stapes.runtime.detector import Detector

    heard = Detector.load(path)
    return sum(event.label == label for file in sorted(place.iterdir()) for event in heard.detect(file))


def test_without_a_limit_nothing_changes(detector: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (detector / "detector.json").read_bytes()
    assert main(["adapt", str(detector), "--recordings", str(place)]) == 0
    assert (detector / "detector.json").read_bytes() == before
    out = capsys.readouterr().out
    assert "0.03 hours" in out
    assert "Nothing was changed; give --alarms-per-hour" in out


def test_thresholds_move_and_the_weights_stay(detector: Path, place: Path) -> None:
    model = (detector / "model.tflite").read_bytes()
    former = read_folder(detector)
    assert main(["adapt", str(detector), "--recordings", str(place), "--alarms-per-hour", "2000"]) == 0
    now = read_folder(detector)
    assert (detector / "model.tflite").read_bytes() == model
    for old, new in zip(former.events, now.events, strict=True):
        assert new.on_score < old.on_score  # 2,000 per hour allow more than is detected
        assert (new.smoothing_steps, new.min_duration_steps) == (old.smoothing_steps, old.min_duration_steps)
    assert now.operating_point["sensitivity"] == {"rumble": 4, "hiss": 4}


def test_the_detector_then_keeps_the_limit(detector: Path, place: Path, tmp_path: Path) -> None:
    count = detections(detector, place, "hiss")
    out = tmp_path / "hallway.stapes"
    arguments = ["adapt", str(detector), "--recordings", str(place), "--alarms-per-hour", "120", "--out", str(out)]
    assert main(arguments) == 0
    said = json.loads((out / "detector.json").read_text())["operating_point"]["alarms"]["hiss"]["alarms"]
    assert detections(out, place, "hiss") == said
    assert detections(detector, place, "hiss") == count  # the detector itself stays as it was


@pytest.mark.parametrize("per_hour", [40.0, 120.0, 400.0, 900.0, 2000.0])
def test_the_most_sensitive_setting_within_the_limit_is_taken(detector: Path, place: Path, per_hour: float) -> None:
    folder = read_folder(detector)
    heard = hear_place(folder, open_unlabelled([place]))
    for each in adapted(folder, heard, per_hour):
        index = folder.classes.index(each.label)
        by_steps = {steps: rate_at(folder, place, index, steps) for steps in SENSITIVITIES}
        assert each.now.alarms == by_steps[each.sensitivity]
        enough = heard.hours >= 2.302585 / per_hour
        allowed = [steps for steps, n in by_steps.items() if (at_most(n) if enough else n) <= per_hour * heard.hours]
        within = [steps for steps in SENSITIVITIES if all(low in allowed for low in SENSITIVITIES if low <= steps)]
        assert each.sensitivity == max(within, default=SENSITIVITIES[-1])
        assert each.kept == bool(within)


def rate_at(folder: DetectorFolder, place: Path, index: int, steps: int) -> int:
    from stapes.runtime.detector import Detector

    heard = Detector.load(folder.path)
    heard.set_sensitivity(folder.classes[index], steps)
    found = [event for file in sorted(place.iterdir()) for event in heard.detect(file)]
    return sum(event.label == folder.classes[index] for event in found)


def at_most(alarms: int) -> float:
    """The 90 % upper limit of a Poisson mean: the value at which so few alarms have a probability of a tenth."""
    from scipy.optimize import brentq
    from scipy.stats import poisson

    return float(brentq(lambda mean: poisson.cdf(alarms, mean) - 0.1, 1e-9, 1e5))


def test_a_silent_class_stays_silent(detector: Path, place: Path) -> None:
    folder = read_folder(detector)
    silent = DetectorFolder(**{**vars(folder), "events": (SILENT, folder.events[1])})
    silent.write()
    assert main(["adapt", str(detector), "--recordings", str(place), "--alarms-per-hour", "2000"]) == 0
    assert read_folder(detector).events[0] == SILENT


def test_a_dry_run_only_shows(detector: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (detector / "detector.json").read_bytes()
    arguments = ["adapt", str(detector), "--recordings", str(place), "--alarms-per-hour", "120", "--dry-run"]
    assert main(arguments) == 0
    assert (detector / "detector.json").read_bytes() == before
    assert "hiss" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "loudness", "arguments", "message"),
    [
        (90, 0, [], "all samples are zero; check the microphone"),
        (20, 50, [], "20 seconds of sound; record at least a minute"),
        (90, 50, ["--alarms-per-hour", "2"], "0.03 hours cannot tell whether there are 2 alarms per hour: record"),
        (90, 50, ["--alarms-per-hour", "-1"], "--alarms-per-hour -1: need a number above 0"),
        (90, 50, ["--out", "x.stapes"], "--out has nothing to write without --alarms-per-hour"),
    ],
)
def test_recordings_that_say_nothing_are_refused(
    detector: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    seconds: int,
    loudness: int,
    arguments: list[str],
    message: str,
) -> None:
    folder = tmp_path / "quiet"
    folder.mkdir()
    noise = np.random.default_rng(0).standard_normal(seconds * 16_000) * loudness
    soundfile.write(folder / "a.wav", noise.astype(np.int16), 16_000)
    before = (detector / "detector.json").read_bytes()
    assert main(["adapt", str(detector), "--recordings", str(folder), *arguments]) == 1
    assert message in capsys.readouterr().err
    assert (detector / "detector.json").read_bytes() == before


def test_a_folder_without_recordings_is_named(
    detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "nothing").mkdir()
    assert main(["adapt", str(detector), "--recordings", str(tmp_path / "nothing")]) == 1
    assert "nothing" in capsys.readouterr().err
