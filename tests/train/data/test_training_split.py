"""A detector keeps the split of its training: what it was trained on is never judged, whatever was added or renamed."""

import json
import shutil
import sys
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from tiny_detector import noise_bursts

from stapes.firmware_sim.device.folder import DetectorFolder, read_folder
from stapes.firmware_sim.errors import DetectorFolderError, LabelError
from stapes.runtime.main import main
from stapes.train.data.content import content_id
from stapes.train.data.dataset import Dataset, open_dataset
from stapes.train.data.training_split import inherited_options, read_training_split, training_split


def record(folder: Path, *names: str, seconds: float = 2.0) -> None:
    """Write recordings with one hiss each; the sound of a name is its own."""
    for name in names:
        path = folder / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        pcm = noise_bursts(seconds, [(0.5, 1.0, "hiss")], seed=zlib.crc32(name.encode()))
        soundfile.write(path, pcm, 16_000)
        path.with_suffix(".txt").write_text("0.5\t1.0\thiss\n")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    record(tmp_path / "data", *(f"day{day}/{clip}" for day in range(6) for clip in "xy"))
    return tmp_path / "data"


@pytest.fixture
def detector(tiny_detector: Path, dataset: Path, tmp_path: Path) -> DetectorFolder:
    """A detector that was trained on the dataset."""
    path = Path(shutil.copytree(tiny_detector, tmp_path / "d.stapes"))
    (path / "training").mkdir()
    (path / "training" / "split.tsv").write_text(training_split(open_dataset(dataset), None))
    return read_folder(path)


def splits(dataset: Dataset) -> dict[str, str]:
    return {content_id(each.path): split for split, part in dataset.splits.items() for each in part}


def test_recordings_keep_their_split_when_others_are_added_and_when_they_are_renamed(
    detector: DetectorFolder, dataset: Path
) -> None:
    before = splits(open_dataset(dataset))
    assert read_training_split(detector) == before
    assert set(before.values()) == {"train", "val", "test"}
    record(dataset, *(f"new{day}/{clip}" for day in range(7) for clip in "xyz"), "day1/late", seconds=5.0)
    for path in sorted(dataset.glob("day2/x.*")):
        path.rename(path.with_stem("renamed"))
    anew, kept = open_dataset(dataset), open_dataset(dataset, inherited_options(None, None, detector))
    assert any(splits(anew)[content] != split for content, split in before.items()), "a new split would move some"
    assert {content: splits(kept)[content] for content in before} == before
    why = {each.name: each.why for each in kept.recordings}
    assert why["day2/renamed.wav"] == why["day1/x.wav"] == "of the training"
    assert why["day1/late.wav"] == "belongs to a recording of the training"
    assert kept.split_by == "split by parent folder; recordings of the training keep their split"
    assert {each.name[:3] for part in kept.splits.values() for each in part} == {"day", "new"}


def test_evaluate_judges_no_recording_that_was_trained_on(
    detector: DetectorFolder, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained_on = {content for content, split in read_training_split(detector).items() if split != "test"}
    record(dataset, *(f"new{day}/{clip}" for day in range(7) for clip in "xyz"), seconds=5.0)
    out = tmp_path / "review"
    assert main(["review", str(detector.path), str(dataset), "--split", "test", "--out", str(out)]) == 0
    judged = [track.relative_to(out / "reference").with_suffix(".wav") for track in (out / "reference").rglob("*.txt")]
    assert judged
    assert trained_on.isdisjoint(content_id(dataset / name) for name in judged)
    capsys.readouterr()
    assert main(["evaluate", str(detector.path), str(dataset), "--split", "test", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["figures"]["events"]["n_recordings"] == len(judged)


def test_what_the_user_decides_comes_first(detector: DetectorFolder, dataset: Path) -> None:
    (dataset / "split.tsv").write_text("filename\tsplit\n" + "".join(f"day{day}/x.wav\ttest\n" for day in range(6)))
    kept = open_dataset(dataset, inherited_options(None, None, detector))
    assert {split for split, part in kept.splits.items() for each in part if each.name.endswith("x.wav")} == {"test"}
    (dataset / "split.tsv").unlink()
    (dataset / "test").mkdir()
    (dataset / "day0").rename(dataset / "test" / "day0")
    kept = open_dataset(dataset, inherited_options(None, None, detector))
    assert [each.name for each in kept.splits["test"] if each.why == "folder test/"] == [
        "test/day0/x.wav",
        "test/day0/y.wav",
    ]


def test_what_was_judged_on_and_lies_in_train_now_is_trained_on_or_held_out_of_it(
    detector: DetectorFolder, dataset: Path
) -> None:
    once_test = {content for content, split in read_training_split(detector).items() if split == "test"}
    for day in sorted(dataset.iterdir()):
        (dataset / "train").mkdir(exist_ok=True)
        day.rename(dataset / "train" / day.name)
    record(dataset / "test", "later/x")
    kept = open_dataset(dataset, inherited_options(None, None, detector))
    assert [each.name for each in kept.splits["test"]] == ["test/later/x.wav"]
    now = splits(kept)
    assert {now[content] for content in once_test} <= {"train", "val"}
    before = read_training_split(detector)
    assert {content: now[content] for content in before if content not in once_test} == {
        content: split for content, split in before.items() if split != "test"
    }


def test_other_recordings_of_the_same_names_are_other_recordings(detector: DetectorFolder, tmp_path: Path) -> None:
    record(tmp_path / "others", *(f"day{day}/{clip}" for day in range(6) for clip in "xy"), seconds=3.0)
    plain = open_dataset(tmp_path / "others")
    assert open_dataset(tmp_path / "others", inherited_options(None, None, detector)).splits == plain.splits


def test_a_training_that_goes_on_keeps_the_rows_of_the_first_one(
    detector: DetectorFolder, dataset: Path, tmp_path: Path
) -> None:
    first = (detector.path / "training" / "split.tsv").read_text().splitlines()
    record(tmp_path / "more", "a/x", "b/x", "c/x", seconds=4.0)
    shutil.copy(dataset / "day0" / "x.wav", tmp_path / "more" / "a" / "x.wav")
    rows = training_split(open_dataset(tmp_path / "more", inherited_options(None, None, detector)), detector)
    old = [line for line in first if "day0/x.wav" not in line]
    assert set(old) < set(rows.splitlines())
    assert len(rows.splitlines()) == len(first) + 2
    assert (
        dict(line.split("\t")[1:][::-1] for line in first[1:]).items()
        <= {content: split for _, split, content in (line.split("\t") for line in rows.splitlines()[1:])}.items()
    )


def test_a_student_keeps_the_split_of_its_teacher(
    detector: DetectorFolder, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def train_detector(dataset: Dataset, *_: object, **__: object) -> object:
        seen.append(splits(dataset))
        return SimpleNamespace(scores={"val": {"macro_f1_onset": {"value": 0.5}}})

    record(dataset, *(f"new{day}/{clip}" for day in range(7) for clip in "xyz"), seconds=5.0)
    monkeypatch.setitem(sys.modules, "stapes.train.run", SimpleNamespace(train_detector=train_detector))
    words = ["train", str(dataset), "--out", str(tmp_path / "x.stapes"), "--group-pattern", ""]
    assert main([*words, "--teacher", str(detector.path)]) == 0
    assert read_training_split(detector).items() <= seen[0].items()


def test_a_copy_in_two_parts_counts_as_trained_on(dataset: Path, tmp_path: Path) -> None:
    for split in ("train", "val"):
        (tmp_path / "two" / split).mkdir(parents=True)
        soundfile.write(tmp_path / "two" / split / f"{split}.wav", np.ones(100, np.int16), 16_000)
        (tmp_path / "two" / split / f"{split}.txt").write_text("")
    (row,) = training_split(open_dataset(tmp_path / "two"), None).splitlines()[1:]
    assert row.startswith("train/train.wav\ttrain\t")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("filename\tsplit\tcontent\na.wav\tholdout\tab\n", DetectorFolderError, r"split\.tsv:2: split 'holdout'"),
        ("filename\tsplit\n", LabelError, r"split\.tsv:1: no column content"),
    ],
)
def test_a_damaged_table_is_named_by_its_line(
    detector: DetectorFolder, text: str, error: type[Exception], message: str
) -> None:
    (detector.path / "training" / "split.tsv").write_text(text)
    with pytest.raises(error, match=message):
        read_training_split(detector)
    (detector.path / "training" / "split.tsv").unlink()
    assert read_training_split(detector) == {}
