"""The folds of the accuracy benchmark hold out what they say: scenes, sources and keyboards."""

from pathlib import Path

import pytest

from benchmarks.folds import (
    KEYBOARD_PATTERN,
    KEYBOARDS,
    ROOMS,
    SCENES,
    keyboard_fold,
    read_table,
    room_fold,
    write_links,
)
from stapes.train.data.dataset import Dataset, Recording, open_dataset
from stapes.train.data.options import DatasetOptions


@pytest.fixture(scope="module")
def rooms(soundscapes: Path) -> Dataset:
    return open_dataset(soundscapes)


@pytest.fixture(scope="module")
def keyboards(keystrokes: Path) -> Dataset:
    return open_dataset(keystrokes)


def _names(recordings: list[Recording]) -> set[str]:
    return {each.path.name for each in recordings}


@pytest.mark.parametrize("number", ROOMS)
def test_no_recording_in_a_scene_of_the_fold_is_trained_or_chosen_on(rooms: Dataset, number: int) -> None:
    fold = room_fold(rooms, number)
    scenes = {
        row["filename"]: set(row["scene"].split("+"))
        for split in ("train", "val")
        for row in read_table(rooms.path / split / "soundscapes.tsv")
    }
    for split in ("train", "val"):
        assert fold.made_with[split]
        assert not any(scenes[name] & SCENES[number - 1] for name in _names(fold.made_with[split]))
    assert all(scenes[name] & SCENES[number - 1] for name in _names(fold.held_out))
    assert len(fold.made_with["train"]) + len(fold.made_with["val"]) + len(fold.held_out) == len(rooms.recordings)
    assert _names(fold.judged) <= _names(rooms.splits["val"])


@pytest.mark.parametrize("number", ROOMS)
def test_no_source_is_both_trained_on_and_judged(rooms: Dataset, number: int) -> None:
    fold = room_fold(rooms, number)
    trained, judged = (
        {event.columns["source"] for each in recordings for event in each.annotations}
        for recordings in (fold.made_with["train"], fold.judged)
    )
    assert judged
    assert not trained & judged


def test_every_scene_but_room_is_held_out_once(rooms: Dataset) -> None:
    rows = [row for split in ("train", "val") for row in read_table(rooms.path / split / "soundscapes.tsv")]
    scenes = {scene for row in rows for scene in row["scene"].split("+")}
    assert sorted(scene for fold in SCENES for scene in fold) == sorted(scenes - {"room"})


@pytest.mark.parametrize("keyboard", KEYBOARDS)
def test_a_keyboard_is_judged_by_itself(keyboards: Dataset, keyboard: str, tmp_path: Path) -> None:
    fold = keyboard_fold(keyboards, keyboard)
    written = open_dataset(write_links(fold, tmp_path), DatasetOptions(KEYBOARD_PATTERN))
    groups = {split: {each.group.rpartition("/")[2] for each in own} for split, own in written.splits.items()}
    assert groups["test"] == {keyboard.split("_")[0]}
    assert not groups["train"] & groups["val"]
    assert len(groups["train"] | groups["val"]) == 3
    assert not groups["test"] & (groups["train"] | groups["val"])
    assert len(written.recordings) == len(keyboards.recordings)


def test_the_folder_of_a_fold_holds_its_recordings_events_and_sources(rooms: Dataset, tmp_path: Path) -> None:
    fold = room_fold(rooms, 1)
    written = open_dataset(write_links(fold, tmp_path))
    assert write_links(fold, tmp_path) == written.path  # again in the same place
    for split, recordings in (fold.made_with | {"test": fold.judged}).items():
        events, expected = (
            [
                (each.path.name, e.onset, e.offset, e.label, e.columns["source"])
                for each in own
                for e in each.annotations
            ]
            for own in (written.splits[split], recordings)
        )
        assert events == expected
        assert len(written.splits[split]) == len(recordings)
