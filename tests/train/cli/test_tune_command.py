"""`stapes tune` changes the operating point and nothing else, and estimates the scores on other recordings."""

import json
import shutil
from pathlib import Path

import pytest
import soundfile
from tiny_detector import noise_bursts

from stapes.runtime.main import main


@pytest.fixture
def detector(tiny_detector: Path, tmp_path: Path) -> Path:
    """A copy of the tiny detector that tests may change."""
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
    assert point["rule"]["hiss"] == "best recall within 5000 false alarms per hour"
    assert point["chosen_on"] == "val"
    assert len(set(point["recordings"])) == 3
    out = capsys.readouterr().out
    assert "on other recordings (95 %)" in out
    lines = [line.split() for line in out.splitlines()]
    assert next(line for line in lines if line[:1] == ["hiss"])[1:3] == ["1.00", "1.000"]


def test_a_split_that_does_not_exist_is_named(
    detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", str(detector), str(dataset), "--split", "test"]) == 1
    assert "has no split 'test'; its splits are val" in capsys.readouterr().err


def test_nothing_is_chosen_without_events(detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (dataset / "val" / "labels.tsv").write_text("filename\tonset\toffset\tevent_label\n")
    assert main(["tune", str(detector), str(dataset), "--false-alarms-per-hour", "1"]) == 1
    assert "no event is labelled in 3 recordings" in capsys.readouterr().err


def test_a_class_that_the_detector_does_not_know_is_named(
    detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = dataset / "val" / "labels.tsv"
    labels.write_text(labels.read_text().replace("\thiss", "\tyodel"))
    assert main(["tune", str(detector), str(dataset)]) == 1
    assert "has no class 'yodel'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("budgets", "message"),
    [
        (["--false-alarms-per-hour", "few"], "--false-alarms-per-hour few: need a number above 0, or CLASS=N"),
        (["--false-alarms-per-day=-1"], "--false-alarms-per-day -1: need a number above 0"),
        (
            ["--false-alarms-per-hour", "yodel=2"],
            "a budget of false alarms is set for 'yodel', which is no class; the classes are rumble, hiss",
        ),
        (
            ["--false-alarms-per-hour", "2", "--false-alarms-per-day", "9"],
            "per-day 9: a limit for all classes was already given",
        ),
    ],
)
def test_a_limit_that_is_no_valid_number_is_refused(
    detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str], budgets: list[str], message: str
) -> None:
    assert main(["tune", str(detector), str(dataset), *budgets]) == 1
    assert message in capsys.readouterr().err


def test_budgets_of_a_day_and_of_one_class(detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    budgets = ["--false-alarms-per-day", "120000", "--false-alarms-per-hour", "hiss=4000"]
    assert main(["tune", str(detector), str(dataset), *budgets]) == 0
    rules = json.loads((detector / "detector.json").read_text())["operating_point"]["rule"]
    assert rules.pop("hiss") == "best recall within 4000 false alarms per hour"
    assert set(rules.values()) <= {"best recall within 5000 false alarms per hour"}


def test_a_note_says_what_so_few_hours_cannot_show(
    detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", str(detector), str(dataset), "--false-alarms-per-hour", "hiss=2"]) == 0
    assert (
        "0.0 h without a false alarm show, with 95 % confidence, only that there are fewer than 9"
        in capsys.readouterr().err
    )
