"""What a training may learn from beside its dataset, and what it must not."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
from tiny_detector import noise_bursts, write_tiny_detector

from stapes.firmware_sim.device.folder import DetectorFolder, read_folder
from stapes.firmware_sim.device.frontend import FrontendConfig
from stapes.firmware_sim.errors import ConfigError, DatasetError
from stapes.train.data.background import Background, open_background, open_unlabelled
from stapes.train.data.content import content_id
from stapes.train.data.dataset import Dataset, open_dataset
from stapes.train.learn.sources import Sources
from stapes.train.settings import Settings

PARTS = ("train", "val", "test")


def record(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, noise_bursts(1.0, [(0.3, 0.6, "hiss")], seed=seed), 16_000)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    for seed, part in enumerate(PARTS):
        record(tmp_path / "data" / part / f"{part}.wav", seed)
        (tmp_path / "data" / part / f"{part}.txt").write_text("0.3\t0.6\thiss\n0.7\t0.8\trumble\n")
    return open_dataset(tmp_path / "data")


@pytest.fixture
def teacher(tiny_detector: Path) -> DetectorFolder:
    return read_folder(tiny_detector)


def test_a_teacher_needs_the_same_classes_in_whatever_order(dataset: Dataset, teacher: DetectorFolder) -> None:
    assert teacher.classes == ("rumble", "hiss") != dataset.classes
    Sources(teacher=teacher).require_suitable(dataset, Settings())
    other = replace(teacher, classes=("hiss", "bark"))
    with pytest.raises(DatasetError, match=r"classes are hiss, rumble, but those of the teacher .* are hiss, bark"):
        Sources(teacher=other).require_suitable(dataset, Settings())


def test_a_teacher_hears_at_the_rate_of_its_student_and_answers_within_a_sequence(
    dataset: Dataset, teacher: DetectorFolder, tmp_path: Path
) -> None:
    half = FrontendConfig(sample_rate_hz=8000, f_max_hz=4000)
    slow = Sources(teacher=write_tiny_detector(tmp_path / "half.stapes", half))
    with pytest.raises(ConfigError, match="hears 8000 samples per second, but this training 16000"):
        slow.require_suitable(dataset, Settings())
    rare = Sources(teacher=replace(teacher, frames_per_step=1000))
    with pytest.raises(ConfigError, match="has a score every 16 s, but a training sequence is only 8 s long"):
        rare.require_suitable(dataset, Settings())


def test_recordings_without_labels_need_a_teacher(dataset: Dataset, tmp_path: Path) -> None:
    record(tmp_path / "more" / "a.wav", 7)
    sources = Sources(unlabelled=tuple(open_unlabelled([tmp_path / "more"])))
    with pytest.raises(ConfigError, match=r"a\.wav: recordings without labels need a teacher.* name a .* --teacher"):
        sources.require_suitable(dataset, Settings())


@pytest.mark.parametrize("part", [*PARTS, "background"])
def test_a_copy_of_what_is_judged_is_no_unlabelled_recording(
    dataset: Dataset, teacher: DetectorFolder, tmp_path: Path, part: str
) -> None:
    record(tmp_path / "quiet" / "background.wav", 8)
    (tmp_path / "more").mkdir()
    folder = tmp_path / "quiet" if part == "background" else dataset.path / part
    shutil.copy(folder / f"{part}.wav", tmp_path / "more" / "copy.wav")
    (copy,) = open_unlabelled([tmp_path / "more"])
    quiet = Background(val=open_unlabelled([tmp_path / "quiet"]))
    sources = Sources(background=quiet, teacher=teacher, unlabelled=(copy,))
    if part == "train":
        sources.require_suitable(dataset, Settings())
    else:
        with pytest.raises(DatasetError, match=rf"copy\.wav: is the same recording as .*{part}\.wav in .*leave it out"):
            sources.require_suitable(dataset, Settings())


@pytest.mark.parametrize("part", PARTS)
def test_a_copy_of_a_labelled_recording_is_no_background(dataset: Dataset, tmp_path: Path, part: str) -> None:
    (tmp_path / "quiet").mkdir()
    shutil.copy(dataset.path / part / f"{part}.wav", tmp_path / "quiet" / "copy.wav")
    quiet = Background(train=open_background([tmp_path / "quiet"]))
    said = rf"copy\.wav: was declared free of events, but is the same recording as .*{part}\.wav, in which 'hiss' is"
    with pytest.raises(DatasetError, match=rf"{said} labelled \(.*{part}\.txt:1\); leave it out of --background"):
        Sources(background=quiet).require_suitable(dataset, Settings())


@pytest.mark.parametrize("part", PARTS)
def test_a_background_is_not_trained_on_in_one_place_and_judged_in_another(
    dataset: Dataset, tmp_path: Path, part: str
) -> None:
    """A recording without events may be in the dataset and in the background, where both are used alike."""
    (tmp_path / "quiet").mkdir()
    shutil.copy(dataset.path / part / f"{part}.wav", tmp_path / "quiet" / "copy.wav")
    event_free = replace(dataset.splits[part][0], annotations=())
    without = replace(dataset, splits=dataset.splits | {part: [event_free]})
    recordings = open_background([tmp_path / "quiet"])
    uses = {
        "train": (Background(train=recordings), "on which the detector is judged"),
        "val": (Background(val=recordings), "which is trained on, so it cannot count false alarms"),
    }
    refused = uses["val" if part == "train" else "train"]
    for background, use in uses.values():
        sources = Sources(background=background)
        if (background, use) == refused:
            said = rf"copy\.wav: is the same recording as {part}/{part}\.wav in the split {part} of .*, {use}; leave it"
            with pytest.raises(DatasetError, match=f"{said} out of --background"):
                sources.require_suitable(without, Settings())
        else:
            sources.require_suitable(without, Settings())


def test_a_file_in_two_folders_without_labels_is_refused(tmp_path: Path) -> None:
    record(tmp_path / "more" / "a" / "b.wav", 3)
    with pytest.raises(DatasetError, match=r"b\.wav: comes twice; give each folder once"):
        open_unlabelled([tmp_path / "more", tmp_path / "more" / "a"])


@pytest.mark.parametrize("use", ["teacher", "start"])
def test_a_detector_that_was_trained_on_val_is_warned_of(dataset: Dataset, teacher: DetectorFolder, use: str) -> None:
    contents = {part: content_id(dataset.splits[part][0].path) for part in PARTS}
    for part, expected in (("train", 0), ("test", 0), ("val", 1)):
        known = replace(teacher, provenance={"trained_on": [contents[part]]})
        lines = list(Sources(**{use: known}).warnings(dataset))  # type: ignore[arg-type]
        assert len(lines) == expected
        assert all("was trained on 1 of the 1 recordings of val" in line for line in lines)


def test_other_sources_are_another_training(teacher: DetectorFolder, tmp_path: Path) -> None:
    """An unfinished training goes on only when all of its sources are the same."""
    record(tmp_path / "more" / "a.wav", 1)
    recordings = tuple(open_unlabelled([tmp_path / "more"]))
    other = replace(teacher, model_sha256="0" * 64)
    several = [
        Sources(),
        Sources(start=teacher),
        Sources(teacher=teacher),
        Sources(teacher=other),
        Sources(teacher=teacher, unlabelled=recordings),
        Sources(teacher=teacher, background=Background(train=recordings)),
    ]
    assert len({tuple(each.identity()) for each in several}) == len(several)


def test_a_student_has_learned_from_all_that_its_teacher_was_trained_on(
    teacher: DetectorFolder, tmp_path: Path
) -> None:
    record(tmp_path / "more" / "a.wav", 1)
    unlabelled = tuple(open_unlabelled([tmp_path / "more"]))
    start, known = (replace(teacher, provenance={"trained_on": [name]}) for name in ("first", "second"))
    sources = Sources(start=start, teacher=known, unlabelled=unlabelled)
    assert sources.learned_contents() == {"first", "second", content_id(unlabelled[0].path)}
