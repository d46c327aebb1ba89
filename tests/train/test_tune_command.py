"""`stapes tune` changes the operating point and nothing else, and says what to expect elsewhere."""

import json
import shutil
from pathlib import Path

import pytest
import soundfile
from tiny_detector import noise_bursts

from stapes.runtime.main import main


@pytest.fixture
def detector(tiny_detector: Path, tmp_path: Path) -> Path:
    """A copy of the tiny detector, to be changed."""
    return Path(shutil.copytree(tiny_detector, tmp_path / "tiny.stapes"))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Three recordings with a burst that is labelled and one that is not."""
    folder = tmp_path / "data" / "val"
    folder.mkdir(parents=True)
    rows = ["filename\tonset\toffset\tevent_label"]
    for index in range(3):
        pcm = noise_bursts(4.0, [(1.0, 1.5, "hiss"), (2.5, 3.0, "rumble")], seed=index)
        soundfile.write(folder / f"{index}.wav", pcm, 16_000)
        rows.append(f"{index}.wav\t1.0\t1.5\thiss")
    (folder / "labels.tsv").write_text("\n".join(rows) + "\n")
    return folder.parent


def test_only_detector_json_changes(detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in detector.rglob("*") if path.is_file()}
    assert main(["tune", str(detector), str(dataset), "--false-alarms-per-hour", "5000"]) == 0
    changed = [path.name for path, content in before.items() if path.read_bytes() != content]
    assert changed == ["detector.json"]
    point = json.loads((detector / "detector.json").read_text())["operating_point"]
    assert point["rule"] == "best recall within 5000 false alarms per hour and class"
    assert point["chosen_on"] == "val"
    assert len(set(point["recordings"])) == 3
    out = capsys.readouterr().out
    assert "expected elsewhere" in out
    assert "hiss                             1.00   1.000" in out


def test_a_part_that_is_missing_is_named(detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", str(detector), str(dataset), "--split", "test"]) == 1
    assert "no part 'test'; there is val" in capsys.readouterr().err


def test_a_class_that_the_detector_does_not_know_is_named(
    detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = dataset / "val" / "labels.tsv"
    labels.write_text(labels.read_text().replace("\thiss", "\tyodel"))
    assert main(["tune", str(detector), str(dataset)]) == 1
    assert "knows no class 'yodel'" in capsys.readouterr().err
