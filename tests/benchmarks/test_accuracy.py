"""The tables of the accuracy benchmark keep what was not run again, and no detector is judged on what it knows."""

import csv
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import accuracy, rows
from benchmarks.accuracy_rows import FULL, QUICK, baseline_hits, replace_rows
from benchmarks.configurations import BASELINE, CONFIGURATIONS
from benchmarks.folds import Fold, room_fold
from benchmarks.judgement import FoldJudgement, require_unseen
from benchmarks.trainings import Training, train_missing
from benchmarks.unseen_keyboards import figures_of
from benchmarks.unseen_rooms import main
from stapes.firmware_sim.device.folder import read_folder
from stapes.firmware_sim.errors import DatasetError, StapesError
from stapes.train.data.dataset import open_dataset
from stapes.train.judge.overlap import content_ids
from stapes.train.settings import Settings, write_settings


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    return tmp_path


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_detector_that_knows_a_held_out_recording_is_refused(
    soundscapes: Path, tiny_detector: Path, split: str
) -> None:
    """Training on a recording makes the detector know it, and so does choosing thresholds on it."""
    fold = room_fold(open_dataset(soundscapes), 2)
    known = content_ids(fold.made_with[split][:2] + fold.held_out[:1])
    folder = read_folder(tiny_detector)
    if split == "train":
        folder = replace(folder, provenance=folder.provenance | {"trained_on": known})
    else:
        folder = replace(folder, operating_point=folder.operating_point | {"recordings": known})
    with pytest.raises(DatasetError, match=f"1 of the {len(fold.held_out)} recordings that scape2 holds out"):
        require_unseen(folder, fold)


def test_rows_replace_those_of_the_same_run_alone(results: Path) -> None:
    def row(keyboard: str, seed: int, training: str, value: int) -> dict[str, str | int]:
        return {"configuration": "small", "seed": seed, "training": training, "keyboard": keyboard, "value": value}

    replace_rows("accuracy_keyboards", [row("K3P", 1, FULL, 1), row("Main", 1, FULL, 2), row("K3P", 2, FULL, 3)])
    replace_rows("accuracy_keyboards", [row("K3P", 1, QUICK, 4)])
    replace_rows("accuracy_keyboards", [row("Main", 1, FULL, 5)])
    with (results / "accuracy_keyboards.csv").open(encoding="utf-8") as file:
        assert [int(each["value"]) for each in csv.DictReader(file)] == [1, 3, 4, 5]


def test_alarms_are_compared_at_the_mean_hits_of_the_seeds_of_the_baseline(results: Path) -> None:
    fold = FoldJudgement("scape1", dict.fromkeys(["a"]), (), ())  # type: ignore[arg-type]  # only names are read
    assert baseline_hits([fold]) is None
    base = {"configuration": BASELINE, "fold": "scape1", "class": "a"}
    replace_rows("accuracy_folds", [base | {"seed": seed, "training": FULL, "hits": 9 + seed} for seed in (1, 4)])
    replace_rows("accuracy_folds", [base | {"seed": 1, "training": QUICK, "hits": 99}])
    assert baseline_hits([fold]) == {("scape1", "a"): 11.5}
    assert baseline_hits([fold, replace(fold, fold="scape2")]) is None


def test_a_detector_of_other_settings_is_not_taken_for_that_of_its_configuration(tmp_path: Path) -> None:
    training = tmp_path / "scape1_seed_1.stapes" / "training"
    training.mkdir(parents=True)
    (training / "settings.toml").write_text(write_settings(Settings(seed=1)), encoding="utf-8")
    train_missing([Training(tmp_path, "", training.parent, Settings(seed=1))], jobs=1)  # nothing is left to do
    with pytest.raises(StapesError, match="was trained with other settings"):
        train_missing([Training(tmp_path, "", training.parent, Settings(seed=2))], jobs=1)


def test_a_detector_that_learned_from_another_teacher_is_not_taken_for_that_of_its_configuration(
    tiny_detector: Path, tmp_path: Path
) -> None:
    path = Path(shutil.copytree(tiny_detector, tmp_path / "taught.stapes"))
    (path / "training").mkdir()
    (path / "training" / "settings.toml").write_text(write_settings(Settings()), encoding="utf-8")
    training = Training(tmp_path, "", path, Settings(), teacher=tiny_detector)
    teacher = read_folder(tiny_detector)
    replace(read_folder(path), provenance={"teacher_model": teacher.model_sha256}).write()
    train_missing([training], jobs=1)  # nothing is left to do
    replace(read_folder(path), provenance={"teacher_model": "0" * 64}).write()
    with pytest.raises(StapesError, match=r"taught\.stapes: did not learn from .*tiny\.stapes as it is now"):
        train_missing([training], jobs=1)


def test_a_taught_detector_learns_from_the_one_of_its_fold_and_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its teacher is trained before it."""
    trained: list[Training] = []
    monkeypatch.setattr(accuracy, "open_folds_of", lambda _: None)
    monkeypatch.setattr(accuracy, "room_fold", lambda _, number: Fold(f"scape{number}", {}, [], []))
    monkeypatch.setattr(accuracy, "train_missing", lambda trainings, _: trained.extend(trainings))
    monkeypatch.setattr(accuracy, "_judge", lambda *_: None)
    monkeypatch.setitem(CONFIGURATIONS, "six-layers", Settings)  # its backbone is no part of the project
    words = ["--configuration", "small-taught", "--folds", "1", "3", "--keyboards", "--seeds", "4"]
    assert accuracy.main([*words, "--out", str(tmp_path)]) == 0
    six, taught = tmp_path / "six-layers", tmp_path / "small-taught"
    names = ["scape1_seed_4.stapes", "scape3_seed_4.stapes"]
    assert [(each.out, each.teacher) for each in trained] == [
        *((six / name, None) for name in names),
        *((taught / name, six / name) for name in names),
    ]


def test_the_baseline_is_written_out_in_full() -> None:
    """A default that changes must not change it: who adds a setting writes there what was done before."""
    text = (Path(__file__).resolve().parents[2] / "benchmarks" / "baseline.toml").read_text(encoding="utf-8")
    assert tomllib.loads(text) == tomllib.loads(write_settings(CONFIGURATIONS[BASELINE]()))


def test_the_figures_of_a_keyboard_are_those_of_its_counts() -> None:
    counts = np.array([[[8, 10, 12]], [[5, 5, 9]], [[7, 10, 9]]])  # hits, annotated, detected
    one = figures_of("K3P", counts)
    assert (one.annotated, one.detected, one.hits) == (25, 30, 20)
    assert one.f1.value == 2 * 20 / (25 + 30)
    assert one.count_error.value == pytest.approx(30 / 25 - 1)
    assert one.count_error.low == pytest.approx(-0.1)  # of 1000 draws, some are of the third recording alone


def test_each_detector_needs_a_fold(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--detector", "a.stapes", "--fold", "1", "2"]) == 1
    assert "1 detectors and the folds 1, 2: need one detector of each fold" in capsys.readouterr().err
