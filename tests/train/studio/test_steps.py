"""The steps of the first visit: each is done when the files say so."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stapes.train.studio.steps import Places, steps

MakeDataset = Callable[[dict[str, float | str | bytes]], Path]
LABELLED = {"hall/a.wav": 2.0, "hall/a.txt": "0.5\t0.6\thiss\n", "yard/b.wav": 2.0, "yard/b.txt": "0.5\t0.6\trumble\n"}


def _said(
    dataset: Path, detector: Path | None = None, clips: Path | None = None, judged: str | None = None
) -> dict[str, tuple[bool, str]]:
    return {each.step: (each.done, each.text) for each in steps(Places(dataset, detector, judged, clips))}


def test_nothing_is_done_in_an_empty_folder(tmp_path: Path) -> None:
    said = _said(tmp_path)
    assert list(said) == ["record", "label", "check", "train", "judge", "listen"]
    assert not any(done for done, _ in said.values())
    assert said["record"][1] == "There is no recording yet."


def test_recordings_without_labels_are_recorded_and_no_more(make_dataset: MakeDataset) -> None:
    said = _said(make_dataset({"hall/a.wav": 1.0, "yard/b.wav": 1.0}))
    assert said["record"] == (True, "2 recordings in 2 folders.")
    assert said["label"] == (False, "No event is labelled yet.")
    assert said["check"] == (False, "There is nothing to check yet.")


def test_labels_in_two_sessions_can_be_trained_and_what_is_left_is_counted(make_dataset: MakeDataset) -> None:
    both = {"hall/a.txt": "0.5\t0.6\thiss\n", "yard/b.txt": "0.5\t0.6\thiss\n"}
    said = _said(make_dataset(LABELLED | both | {"yard/c.wav": 1.0}))
    assert said["label"] == (True, "2 events of 1 class. 1 recording not labelled yet.")
    assert said["check"] == (True, "Nothing stands against training. Recordings: 1 in train, 1 in val.")
    assert said["train"] == (False, "There is no detector yet.")


@pytest.mark.parametrize(
    ("files", "why"),
    [
        (LABELLED, "has no events in train"),
        ({"hall/a.wav": 2.0, "hall/a.txt": "0.5\t0.6\thiss\n"}, "training needs train and val"),
        (LABELLED | {"hall/a.txt": "5\t6\thiss\n"}, "a.txt:1: 'hiss' from 5 s to 6 s lies outside"),
        (LABELLED | {"hall/a.txt": "x\t6\thiss\n"}, "a.txt:1: "),
    ],
)
def test_the_check_says_what_stands_against_training(
    make_dataset: MakeDataset, files: dict[str, float | str | bytes], why: str
) -> None:
    done, text = _said(make_dataset(files))["check"]
    assert not done
    assert why in text


def test_a_detector_counts_when_it_knows_every_class_of_the_labels(
    make_dataset: MakeDataset, tiny_detector: Path, tmp_path: Path
) -> None:
    dataset = make_dataset(LABELLED)
    assert _said(dataset, tiny_detector)["train"] == (True, "tiny.stapes knows hiss, rumble.")
    (dataset / "hall" / "a.txt").write_text("0.5\t0.6\tknock\n")
    assert _said(dataset, tiny_detector)["train"] == (False, "tiny.stapes was trained without knock: train again.")
    (tmp_path / "broken.stapes").mkdir()
    done, text = _said(dataset, tmp_path / "broken.stapes")["train"]
    assert not done
    assert "broken.stapes" in text


def test_the_detector_that_was_trained_last_has_to_be_judged(make_dataset: MakeDataset, tiny_detector: Path) -> None:
    dataset = make_dataset(LABELLED)
    assert _said(dataset, tiny_detector)["judge"] == (False, "No detector was judged yet.")
    assert _said(dataset, tiny_detector, judged="older.stapes")["judge"] == (False, "tiny.stapes was not judged yet.")
    assert _said(dataset, tiny_detector, judged="tiny.stapes")["judge"] == (True, "tiny.stapes was judged.")


def test_clips_that_wait_are_counted(tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    assert not _said(tmp_path, clips=clips)["listen"][0]
    (clips / "20260102T030405.678Z_bark_1600.flac").touch()
    assert _said(tmp_path, clips=clips)["listen"] == (True, "1 clip waits in the inbox.")
