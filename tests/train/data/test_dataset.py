"""Folders of recordings: what is used, what is left out with a note, and what is refused with an error."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stapes.firmware_sim.errors import AudioError, ConfigError, DatasetError, LabelError, StapesError
from stapes.runtime.labels import Annotation
from stapes.train.data.dataset import Dataset, inspect_dataset, open_dataset, require_trainable
from stapes.train.data.findings import summary
from stapes.train.data.options import DatasetOptions

MakeDataset = Callable[[dict[str, float | str | bytes]], Path]
HEADER = "filename\tonset\toffset\tevent_label\n"


def _labelled(dataset: Dataset) -> dict[str, tuple[Annotation, ...]]:
    return {each.name: each.annotations for each in dataset.recordings}


def test_the_soundscapes_are_read_as_their_readme_says(soundscapes: Path) -> None:
    dataset = open_dataset(soundscapes)
    assert dataset.classes == ("clock_tick", "dog_bark", "rooster", "sneeze")
    assert {split: len(recordings) for split, recordings in dataset.splits.items()} == {"train": 180, "val": 40}
    counts = {
        split: [sum(event.label == label for each in part for event in each.annotations) for label in dataset.classes]
        for split, part in dataset.splits.items()
    }
    assert counts == {"train": [663, 395, 179, 181], "val": [119, 74, 46, 45]}
    assert sum(not each.annotations for each in dataset.splits["train"]) == 13
    assert sum(each.duration_s for each in dataset.splits["val"]) == pytest.approx(1200)
    require_trainable(dataset)


def test_a_table_names_recordings_by_path_or_unique_name_and_others_are_event_free(make_dataset: MakeDataset) -> None:
    rows = "day1/a.wav\t0.5\t1\tpop\nb.flac\t0\t0.25\tpop\nsub\\c.ogg\t1\t1\tpop\n"
    files = {"train/day1/a.wav": 2.0, "train/day2/a.wav": 2.0, "train/b.flac": 2.0, "train/sub/c.ogg": 2.0}
    dataset = open_dataset(make_dataset(files | {"train/labels.tsv": HEADER + rows, "val/x.wav": 1.0, "val/x.txt": ""}))
    assert _labelled(dataset) == {
        "train/b.flac": (Annotation(0, 0.25, "pop"),),
        "train/day1/a.wav": (Annotation(0.5, 1, "pop"),),
        "train/day2/a.wav": (),
        "train/sub/c.ogg": (Annotation(1, 1, "pop"),),
        "val/x.wav": (),
    }


def test_one_table_serves_all_split_folders(make_dataset: MakeDataset) -> None:
    rows = "train/a.wav\t0\t1\tpop\nb.wav\t0\t1\tpop\n"
    dataset = open_dataset(make_dataset({"train/a.wav": 2.0, "val/b.wav": 2.0, "labels.tsv": HEADER + rows}))
    assert [len(each.annotations) for each in dataset.recordings] == [1, 1]


@pytest.mark.parametrize("table", ["train/day1/labels.tsv", "train/tables/Labels.csv", "val/day1/labels.tsv"])
def test_a_table_where_none_is_read_is_an_error_that_names_the_place_for_its_rows(
    make_dataset: MakeDataset, table: str
) -> None:
    """Without the error, the events in it would be taught as sounds that are none."""
    files = {"train/day1/a.wav": 2.0, "val/b.wav": 2.0, "labels.tsv": HEADER + "train/day1/a.wav\t0\t1\tpop\n"}
    folder = make_dataset(files | {table: HEADER.replace("\t", "," if table.endswith("csv") else "\t")})
    part, below, _ = table.split("/")
    with pytest.raises(DatasetError, match=rf"{table}: is not read.* a table in {folder / part}.* as {below}/FILENAME"):
        open_dataset(folder)


def test_a_table_that_no_split_needs_is_noted(make_dataset: MakeDataset) -> None:
    tables = dict.fromkeys(("labels.tsv", "train/labels.tsv", "val/labels.tsv"), HEADER)
    dataset = open_dataset(make_dataset({"train/a.wav": 2.0, "val/b.wav": 2.0} | tables))
    assert summary(dataset.notes)[0].startswith("1 tables of labels are not read, because every split has its own")


def test_label_tracks_lie_beside_the_audio_or_elsewhere_and_a_recording_without_one_is_left_out(
    make_dataset: MakeDataset,
) -> None:
    """An empty track means that the recording has no events; a missing one means that it is not annotated."""
    files = {"train/a.wav": 2.0, "train/a.txt": "0,5\t1\tpop\r\n\\\t100\t200\r\n", "train/audio/b.wav": 2.0}
    files |= {"train/tracks/b.txt": "1\t1\tpop\n", "train/c.wav": 2.0, "train/d.wav": 2.0, "train/d.txt": ""}
    files |= {"train/NOTES.txt": "two microphones", "train/._a.wav": b"resource fork"}
    dataset = open_dataset(make_dataset(files))
    assert _labelled(dataset) == {
        "train/a.wav": (Annotation(0.5, 1, "pop"),),
        "train/audio/b.wav": (Annotation(1, 1, "pop"),),
        "train/d.wav": (),
    }
    lines = summary(dataset.notes)
    assert any(line.startswith("1 recordings without a label track") and "c.wav" in line for line in lines)
    assert any("belong to no recording" in line and "NOTES.txt" in line for line in lines)


def test_a_table_takes_precedence_over_label_tracks(make_dataset: MakeDataset) -> None:
    files = {"train/a.wav": 2.0, "train/a.txt": "0\t1\ttrack\n", "train/labels.tsv": HEADER + "a.wav\t0\t1\ttable\n"}
    assert open_dataset(make_dataset(files)).classes == ("table",)


def test_offsets_just_past_the_end_are_clipped_with_a_note(make_dataset: MakeDataset) -> None:
    dataset = open_dataset(make_dataset({"train/a.wav": 2.0, "train/a.txt": "1\t2.0004\tpop\n1.5\t2.1\tpop\n"}))
    assert dataset.recordings[0].annotations == (Annotation(1, 2, "pop"), Annotation(1.5, 2, "pop"))
    assert [(note.kind, note.place.rsplit("/", 1)[1]) for note in dataset.notes] == [
        ("offsets less than 100 ms past the end: clipped", "a.txt:2")
    ]


def test_labels_without_text_are_one_class_when_all_are_and_left_out_otherwise(make_dataset: MakeDataset) -> None:
    folder = make_dataset({"train/a.wav": 2.0, "train/a.txt": "0\t1\n1\t2\t\n"})
    assert open_dataset(folder).classes == ("event",)
    (folder / "train/a.txt").write_text("0\t1\n1\t2\tpop\n")
    dataset = open_dataset(folder)
    assert dataset.recordings[0].annotations == (Annotation(1, 2, "pop"),)
    assert [note.place for note in dataset.notes] == [f"{folder}/train/a.txt:1"]


def test_a_label_map_renames_and_ignores(make_dataset: MakeDataset) -> None:
    files = {"train/a.wav": 9.0, "train/a.txt": "0\t1\tp\n2\t3\tn\n4\t5\tP\n"}
    dataset = open_dataset(make_dataset(files | {"label_map.tsv": "label\tclass\np\tplop\nP\tplop\nn\t\n"}))
    assert dataset.recordings[0].annotations == (Annotation(0, 1, "plop"), Annotation(4, 5, "plop"))
    assert "ignored" in dataset.notes[0].kind


def test_repeated_rows_are_left_out_with_a_note(make_dataset: MakeDataset) -> None:
    dataset = open_dataset(make_dataset({"train/a.wav": 2.0, "train/a.txt": "0\t1\tpop\n0\t1\tpop\n0\t1\tbang\n"}))
    assert len(dataset.recordings[0].annotations) == 2
    assert dataset.notes[0].place.endswith("a.txt:2")


def _groups_of_splits(dataset: Dataset) -> dict[str, set[str]]:
    return {split: {each.group for each in recordings} for split, recordings in dataset.splits.items()}


def test_without_split_folders_the_group_column_decides(make_dataset: MakeDataset) -> None:
    """Two recordings per machine, in folders by day: those of one machine stay together."""
    names = [f"day{i % 2}/{i}.wav" for i in range(12)]
    rows = "".join(f"{name}\t0\t0.5\tpop\tmachine{i // 2}\n" for i, name in enumerate(names))
    folder = make_dataset(dict.fromkeys(names, 1.0) | {"labels.tsv": HEADER.replace("\n", "\tgroup\n") + rows})
    groups = _groups_of_splits(open_dataset(folder))
    assert list(groups) == ["train", "val", "test"]
    assert sorted(group for part in groups.values() for group in part) == [f"machine{i}" for i in range(6)]
    assert open_dataset(folder).split_by == "split by column `group`"


def test_the_group_column_counts_in_rows_without_times(make_dataset: MakeDataset) -> None:
    rows = "a.wav\t0\t1\tpop\tkitchen\nb.wav\t\t\t\tkitchen\nc.wav\t0\t1\tpop\thall\n"
    files = {"a.wav": 2.0, "b.wav": 2.0, "c.wav": 2.0, "labels.tsv": HEADER.replace("\n", "\tgroup\n") + rows}
    assert {each.name: each.group for each in open_dataset(make_dataset(files)).recordings} == {
        "a.wav": "kitchen",
        "b.wav": "kitchen",
        "c.wav": "hall",
    }


def test_without_a_group_column_the_parent_folder_is_the_group_or_else_the_recording(make_dataset: MakeDataset) -> None:
    tracks = {f"{site}/{i}.txt": "0\t0.5\tpop\n" for site in "abcdef" for i in range(3)}
    audio = {name.replace("txt", "wav"): 1.0 for name in tracks}
    folder = make_dataset(tracks | audio)
    dataset = open_dataset(folder)
    groups = _groups_of_splits(dataset)
    assert {split: len(part) for split, part in groups.items()} == {"train": 4, "val": 1, "test": 1}
    assert sorted(group for part in groups.values() for group in part) == list("abcdef")
    one = open_dataset(folder / "a")
    assert one.split_by == "split by recording"
    assert {split: len(groups) for split, groups in _groups_of_splits(one).items()} == {"train": 1, "val": 1, "test": 1}


@pytest.mark.parametrize("column", ["group", "source"])
def test_recordings_without_a_cell_in_the_table_keep_the_group_of_their_folder(
    make_dataset: MakeDataset, column: str
) -> None:
    names = [f"{site}/{i}.wav" for site in "abcdef" for i in range(3)]
    rows = "".join(f"{name}\t0\t0.5\tpop\t{'fan' if name == 'a/0.wav' else ''}\n" for name in names)
    table = HEADER.replace("\n", f"\t{column}\n") + rows
    dataset = open_dataset(make_dataset(dict.fromkeys(names, 1.0) | {"labels.tsv": table}))
    groups = {each.name: each.group for each in dataset.recordings}
    assert groups.pop("a/0.wav") == ("fan" if column == "group" else "a/0.wav")
    assert groups == {name: name[0] for name in groups}
    sides = [part - {"fan", "a/0.wav"} for part in _groups_of_splits(dataset).values()]
    assert sum(map(len, sides)) == len(set().union(*sides)) == 6


def test_a_recording_with_an_event_of_no_source_stays_with_its_folder_too(make_dataset: MakeDataset) -> None:
    """Its other event ties it to a recording of the same source, which is tied to no folder."""
    rows = "a/0.wav\t0\t0.5\tpop\tfan\na/0.wav\t0.6\t0.9\tpop\t\nb/0.wav\t0\t0.5\tpop\tfan\n"
    names = [f"{site}/{i}.wav" for site in "abcd" for i in range(2)]
    dataset = open_dataset(make_dataset(dict.fromkeys(names, 1.0) | {"labels.tsv": SOURCED + rows}))
    split_of = {each.name: split for split, part in dataset.splits.items() for each in part}
    assert split_of["a/1.wav"] == split_of["a/0.wav"] == split_of["b/0.wav"]
    assert {each.name: each.group for each in dataset.recordings}["b/0.wav"] == "b/0.wav", "its source says it all"


def test_every_class_of_the_split_has_about_its_share_of_events(make_dataset: MakeDataset) -> None:
    """A class in only four of forty recordings has events in train and in another split."""
    tracks = {f"{i:02}.txt": "0\t0.1\tcommon\n" + ("0.5\t0.6\trare\n" if i % 10 == 0 else "") for i in range(40)}
    dataset = open_dataset(make_dataset(tracks | {name.replace("txt", "wav"): 1.0 for name in tracks}))
    rare = {split: sum(len(each.annotations) == 2 for each in part) for split, part in dataset.splits.items()}
    assert rare["train"] in (2, 3)
    assert sum(rare.values()) == 4
    assert 26 <= len(dataset.splits["train"]) <= 30
    require_trainable(dataset)


def test_val_is_held_out_of_train_when_only_test_has_its_folder(make_dataset: MakeDataset) -> None:
    tracks = {f"train/{i:02}.txt": "0\t0.1\tpop\n" for i in range(20)} | {"test/t.txt": "0\t0.1\tpop\n"}
    dataset = open_dataset(make_dataset(tracks | {name.replace("txt", "wav"): 1.0 for name in tracks}))
    assert {split: len(each) for split, each in dataset.splits.items()} == {"train": 17, "val": 3, "test": 1}
    assert "held out" in dataset.split_by


def test_recordings_outside_of_the_split_folders_are_left_out_with_a_note(make_dataset: MakeDataset) -> None:
    files = {"train/a.wav": 2.0, "train/a.txt": "0\t1\tpop\n", "more/b.wav": 2.0, "more/b.txt": ""}
    dataset = open_dataset(make_dataset(files))
    assert [each.name for each in dataset.recordings] == ["train/a.wav"]
    assert [note.place for note in dataset.notes] == [f"{dataset.path}/more/b.wav"]


def test_a_row_of_a_recording_outside_of_the_split_folders_says_so(make_dataset: MakeDataset) -> None:
    files = {"train/a.wav": 1.0, "val/b.wav": 1.0, "extra/c.wav": 1.0}
    folder = make_dataset(files | {"labels.tsv": HEADER + "train/a.wav\t0\t1\tpop\nextra/c.wav\t0\t1\tpop\n"})
    with pytest.raises(DatasetError, match=r"labels.tsv:3: extra/c.wav lies outside of the folders of the splits"):
        open_dataset(folder)


def test_a_group_in_two_split_folders_is_noted(make_dataset: MakeDataset) -> None:
    header = HEADER.replace("\n", "\tgroup\n")
    files = {"train/a.wav": 2.0, "train/labels.tsv": header + "a.wav\t0\t1\tpop\tkitchen\n"}
    files |= {"val/b.wav": 2.0, "val/labels.tsv": header + "b.wav\t0\t1\tpop\tkitchen\n"}
    notes = open_dataset(make_dataset(files)).notes
    assert [(note.place, note.text) for note in notes] == [("kitchen", "train, val")]


def test_recordings_without_any_event_can_be_opened_but_not_trained_on(make_dataset: MakeDataset) -> None:
    dataset = open_dataset(make_dataset({"a.wav": 1.0, "b.wav": 1.0, "labels.tsv": HEADER}))
    assert (len(dataset.recordings), dataset.classes) == (2, ())
    with pytest.raises(DatasetError, match="no event is labelled in 2 recordings; label some events"):
        require_trainable(dataset)


def test_the_fingerprint_follows_the_data(make_dataset: MakeDataset) -> None:
    folder = make_dataset({"train/a.wav": 2.0, "train/a.txt": "0\t1\tpop\n"})
    before = open_dataset(folder).fingerprint()
    assert open_dataset(folder).fingerprint() == before
    (folder / "train/a.txt").write_text("0\t1.5\tpop\n")
    assert open_dataset(folder).fingerprint() != before


BAD: dict[str, tuple[dict[str, float | str | bytes], type[StapesError], str]] = {
    "no folder": ({}, DatasetError, "no such folder"),
    "empty folder": ({"train/readme.md": "x"}, DatasetError, "train: contains no audio (WAV, FLAC, OGG, MP3, "),
    "no labels": ({"a.wav": 1.0}, DatasetError, "no recording has labels; add labels.tsv"),
    "not audio": ({"a.wav": b"no", "a.txt": "0\t1\tpop\n"}, AudioError, "a.wav: cannot be read as audio"),
    "no samples": ({"a.wav": 0.0, "a.txt": "0\t1\tpop\n"}, AudioError, "a.wav: contains no samples"),
    "outside": ({"a.wav": 1.0, "a.txt": "0\t1.2\tpop\n"}, DatasetError, "a.txt:1: 'pop' from 0 s to 1.2 s lies out"),
    "at the end": ({"a.wav": 1.0, "a.txt": "1\t1\tx\n"}, DatasetError, "a.txt:1: 'x' from 1 s to 1 s lies outside"),
    "swapped": ({"a.wav": 1.0, "a.txt": "\n0.5\t0.2\tx"}, LabelError, "a.txt:2: onset 0.5 s is after offset 0.2 s"),
    "not a number": ({"a.wav": 1.0, "labels.tsv": HEADER + "a.wav\tx\t1\tp\n"}, LabelError, "tsv:2: onset 'x' is not"),
    "no column": ({"a.wav": 1.0, "labels.tsv": "filename\tonset\n"}, LabelError, "tsv:1: no column offset, event"),
    "unknown recording": (
        {"a.wav": 1.0, "labels.tsv": HEADER + "a.flac\t0\t1\tp\n"},
        DatasetError,
        "labels.tsv:2: 0 recordings below",
    ),
    "ambiguous name": (
        {"x/a.wav": 1.0, "y/a.wav": 1.0, "labels.tsv": HEADER + "a.wav\t0\t1\tp\n"},
        DatasetError,
        "are called 'a.wav' (x/a.wav, y/a.wav); write its folder",
    ),
    "ambiguous track": (
        {"x/a.wav": 1.0, "y/a.wav": 1.0, "z/a.txt": "0\t1\tp\n"},
        DatasetError,
        "it is not clear which label track belongs to it",
    ),
    "two groups": (
        {"a.wav": 3.0, "labels.tsv": HEADER.replace("\n", "\tgroup\n") + "a.wav\t0\t1\tp\tx\na.wav\t1\t2\tp\ty\n"},
        LabelError,
        "labels.tsv:3: a.wav is in group 'y' here and in 'x' above",
    ),
    "two classes": (
        {"a.wav": 1.0, "a.txt": "0\t1\tp\n", "label_map.tsv": "label\tclass\np\tx\np\ty\n"},
        LabelError,
        "label_map.tsv:3: 'p' is already mapped to 'x'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_data_is_named_by_file_and_line(make_dataset: MakeDataset, case: str) -> None:
    files, kind, says = BAD[case]
    with pytest.raises(kind) as raised:
        open_dataset(make_dataset(files))
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_every_error_is_collected_and_the_first_is_raised_with_the_number_of_the_others(
    make_dataset: MakeDataset,
) -> None:
    folder = make_dataset({"a.wav": 1.0, "a.txt": "0\tx\tp\n1\t0\tp\n0\t9\tp\n0\t1\tp\n", "b.wav": b"no", "b.txt": ""})
    dataset, errors = inspect_dataset(folder)
    assert [type(error) for error in errors] == [LabelError, LabelError, AudioError, DatasetError]
    assert [len(each.annotations) for each in dataset.recordings] == [1]
    with pytest.raises(LabelError, match=r"a\.txt:1: offset 'x'.* \(3 more: `stapes check"):
        open_dataset(folder)


def test_a_class_without_events_in_train_cannot_be_trained(make_dataset: MakeDataset) -> None:
    files = {"train/a.wav": 2.0, "train/a.txt": "0\t1\tpop\n", "val/b.wav": 2.0, "val/b.txt": "0\t1\tpop\n1\t2\tbang\n"}
    with pytest.raises(DatasetError, match=r"b\.txt:2: class 'bang' has no events in train"):
        require_trainable(open_dataset(make_dataset(files)))


def test_a_dataset_without_val_cannot_be_trained(make_dataset: MakeDataset) -> None:
    dataset = open_dataset(make_dataset({"a.wav": 2.0, "a.txt": "0\t1\tpop\n"}))
    with pytest.raises(DatasetError, match=r"the split val has no recordings \(split by recording\)"):
        require_trainable(dataset)


SOURCED = HEADER.replace("\n", "\tsource\n")


def _sources_of_splits(dataset: Dataset) -> list[set[str]]:
    return [
        {each.source(event) for each in part for event in each.annotations} for part in dataset.splits.values() if part
    ]


def test_no_source_is_in_two_splits(make_dataset: MakeDataset) -> None:
    """Twelve recordings; dog i barks in recordings 2i and 2i + 1, and the owl connects four recordings."""
    rows = [f"{i}.wav\t0\t0.5\tbark\tdog{i // 2}\n" for i in range(12)]
    rows += [f"{i}.wav\t0.6\t0.9\thoot\towl\n" for i in (0, 5)]
    files = {f"{i}.wav": 1.0 for i in range(14)} | {"labels.tsv": SOURCED + "".join(rows)}
    dataset = open_dataset(make_dataset(files))
    assert dataset.split_by == "split by column `source`, recording"
    sides = _sources_of_splits(dataset)
    assert [len(side) > 0 for side in sides] == [True] * 3
    assert sum(map(len, sides)) == len(set().union(*sides)) == 7
    split_of = {each.name: split for split, part in dataset.splits.items() for each in part}
    assert len({split_of[f"{i}.wav"] for i in (0, 1, 4, 5)}) == 1


def test_sources_of_events_meta_and_of_rows_without_times_count(make_dataset: MakeDataset) -> None:
    labels = SOURCED + "a.wav\t0\t0.5\tbark\t\nb.wav\t\t\t\tfan\nc.wav\t\t\t\tfan\n"
    meta = SOURCED + "a.wav\t0\t0.5\tbark\tfan\n"
    files = {f"{name}.wav": 1.0 for name in "abcd"} | {"labels.tsv": labels, "events_meta.tsv": meta}
    dataset = open_dataset(make_dataset(files))
    split_of = {each.name: split for split, part in dataset.splits.items() for each in part}
    assert len({split_of[f"{name}.wav"] for name in "abc"}) == 1
    assert split_of["d.wav"] != split_of["a.wav"]


def test_recordings_that_all_share_sources_cannot_be_split_and_the_error_says_so(make_dataset: MakeDataset) -> None:
    rows = "".join(f"{i}.wav\t0\t0.5\tbark\tdog{j}\n" for i in range(4) for j in (i, i + 1))
    files = {f"{i}.wav": 1.0 for i in range(4)} | {"labels.tsv": SOURCED + rows}
    with pytest.raises(
        DatasetError, match=r"sources tie the 4 recordings into 1 set that cannot be split\), but training"
    ):
        require_trainable(open_dataset(make_dataset(files)))


def test_a_source_in_two_split_folders_is_noted(make_dataset: MakeDataset) -> None:
    files = {"train/a.wav": 2.0, "train/labels.tsv": SOURCED + "a.wav\t0\t1\tpop\tpan\n"}
    files |= {"val/b.wav": 2.0, "val/labels.tsv": SOURCED + "b.wav\t0\t1\tpop\tpan\n"}
    (note,) = open_dataset(make_dataset(files)).notes
    assert note.kind.startswith("sources are in more than one split")
    assert (note.place, note.text) == ("pan", "train, val")


def _tracks(*stems: str) -> dict[str, float | str | bytes]:
    return {f"{stem}.wav": 1.0 for stem in stems} | {f"{stem}.txt": "0\t0.5\tpop\n" for stem in stems}


@pytest.mark.parametrize("pattern", ["^[^_]+", "^([a-z]+)(?:_|x)"])
def test_a_pattern_groups_recordings_by_their_names(make_dataset: MakeDataset, pattern: str) -> None:
    """If it has parentheses, what they match is the group."""
    folder = make_dataset(_tracks(*(f"{pan}_{i}" for pan in ("iron", "steel", "tin", "clay") for i in range(3))))
    dataset = open_dataset(folder, DatasetOptions(pattern))
    groups = _groups_of_splits(dataset)
    assert sorted(group for part in groups.values() for group in part) == ["clay", "iron", "steel", "tin"]
    assert dataset.split_by == "split by group pattern"
    assert dataset.notes == ()


def test_names_that_the_pattern_does_not_match_are_noted(make_dataset: MakeDataset) -> None:
    dataset = open_dataset(make_dataset(_tracks("a_1", "a_2", "odd")), DatasetOptions("^(.)_"))
    assert [(Path(note.place).name, note.kind.split(":")[0]) for note in dataset.notes] == [
        ("odd.wav", "recordings have names that the group pattern does not match")
    ]


def test_a_pattern_that_is_no_regular_expression_is_refused(make_dataset: MakeDataset) -> None:
    with pytest.raises(ConfigError, match=r"group pattern '\(' is not a regular expression: .* position 0"):
        open_dataset(make_dataset(_tracks("a", "b")), DatasetOptions("("))


def test_without_any_grouping_a_split_warns_of_shared_sources(make_dataset: MakeDataset) -> None:
    dataset = open_dataset(make_dataset(_tracks("a", "b", "c")))
    (line,) = summary(dataset.notes)
    assert line.startswith("3 recordings have neither group nor source: clips of one source may be in different splits")
    assert "column `source`" in line
    assert "--group-pattern" in line
    assert open_dataset(dataset.path, DatasetOptions(".")).notes == ()
