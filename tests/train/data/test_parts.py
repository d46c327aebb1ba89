"""Which recordings are for train, val and test, and why: what the user decided stays when recordings are added."""

import struct
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stapes.firmware_sim.errors import DatasetError, LabelError
from stapes.runtime.labels import Annotation
from stapes.runtime.main import main
from stapes.train.data.dataset import Dataset, open_dataset
from stapes.train.data.findings import summary
from stapes.train.data.split import split_groups

MakeDataset = Callable[[dict[str, float | str | bytes]], Path]
HEADER = "filename\tonset\toffset\tevent_label\n"


def _clips(*stems: str) -> dict[str, float | str | bytes]:
    return {f"{stem}.wav": 1.0 for stem in stems} | {f"{stem}.txt": "0\t0.5\tpop\n" for stem in stems}


def _split_of(dataset: Dataset) -> dict[str, str]:
    return {each.name: split for split, part in dataset.splits.items() for each in part}


def test_with_test_alone_the_rest_is_train_and_val(make_dataset: MakeDataset) -> None:
    """Tracks of test/ belong to the recordings of test/, although some are named as others outside."""
    dataset = open_dataset(make_dataset(_clips("test/a", "test/b", "a", "b", "day2/c", "day2/d")))
    split_of = _split_of(dataset)
    assert {name for name, split in split_of.items() if split == "test"} == {"test/a.wav", "test/b.wav"}
    assert {split_of[name] for name in ("a.wav", "b.wav", "day2/c.wav", "day2/d.wav")} == {"train", "val"}
    assert dataset.split_by == "folders test/; the rest is train and val by parent folder"
    assert {each.why for each in dataset.splits["test"]} == {"folder test/"}


def test_with_test_alone_one_table_serves_all(make_dataset: MakeDataset) -> None:
    rows = "test/a.wav\t0\t0.5\tpop\na.wav\t0.1\t0.5\tpop\nb.wav\t0\t0.5\tpop\n"
    files = {"test/a.wav": 1.0, "a.wav": 1.0, "b.wav": 1.0, "labels.tsv": HEADER + rows}
    dataset = open_dataset(make_dataset(files))
    assert {each.name: [e.onset for e in each.annotations] for each in dataset.recordings} == {
        "test/a.wav": [0],
        "a.wav": [0.1],
        "b.wav": [0],
    }
    assert set(dataset.splits) == {"train", "val", "test"}


def test_with_val_alone_the_rest_is_train(make_dataset: MakeDataset) -> None:
    dataset = open_dataset(make_dataset(_clips("val/a", "b", "c")))
    assert _split_of(dataset) == {"val/a.wav": "val", "b.wav": "train", "c.wav": "train"}
    assert dataset.split_by == "folders val/; the rest is train by recording"


def test_with_nothing_but_test_there_is_nothing_else(make_dataset: MakeDataset) -> None:
    assert set(open_dataset(make_dataset(_clips("test/a"))).splits) == {"test"}


def test_mined_material_is_always_train_and_changes_no_other_part(make_dataset: MakeDataset) -> None:
    before = _split_of(open_dataset(make_dataset(_clips(*(f"day{i}/x" for i in range(6))))))
    mined = {f"mined/{i}.wav": 20.0 for i in range(5)} | {f"mined/{i}.txt": "" for i in range(5)}
    dataset = open_dataset(make_dataset(mined | {"mined/mined.tsv": "filename\n"}))
    after = _split_of(dataset)
    assert {after.pop(f"mined/{i}.wav") for i in range(5)} == {"train"}
    assert after == before
    assert {each.why for each in dataset.recordings if each.name.startswith("mined/")} == {
        "mined (mined.tsv): always train"
    }


def test_mined_material_in_val_is_noted(make_dataset: MakeDataset) -> None:
    files = _clips("train/a", "val/b") | {"val/m/c.wav": 1.0, "val/m/c.txt": "", "val/m/mined.tsv": "filename\n"}
    assert any(each.kind.startswith("mined recordings are in val/") for each in open_dataset(make_dataset(files)).notes)


def test_a_written_split_stays_when_recordings_are_added(
    make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_dataset(_clips(*(f"day{i}/{name}" for i in range(5) for name in "xy")))
    assert main(["check", str(folder), "--write-split"]) == 0
    assert "holds the split of 10 recordings from now on" in capsys.readouterr().out
    before = _split_of(open_dataset(folder))
    make_dataset(_clips(*(f"new{i}/{name}" for i in range(9) for name in "xyz"), "day1/new"))
    dataset = open_dataset(folder)
    after = _split_of(dataset)
    assert {name: after[name] for name in before} == before
    assert after["day1/new.wav"] == before["day1/x.wav"]
    assert {after[f"new{i}/x.wav"] for i in range(9)} == {"train", "val", "test"}
    assert dataset.split_by == "split by parent folder; split.tsv decides"
    why = {each.name: each.why for each in dataset.recordings}
    assert why["day1/x.wav"] == "split.tsv"
    assert why["day1/new.wav"] == "belongs to a recording in split.tsv"


@pytest.mark.parametrize(
    ("rows", "kind", "message"),
    [
        ("a.wav\tholdout\n", LabelError, r"split\.tsv:2: split 'holdout' is none of train, val, test"),
        ("a.wav\tval\na.wav\ttest\n", DatasetError, r"split\.tsv:3: a\.wav is in test here and in val above"),
    ],
)
def test_a_bad_split_is_named_by_file_and_line(
    make_dataset: MakeDataset, rows: str, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        open_dataset(make_dataset(_clips("a", "b") | {"split.tsv": f"filename\tsplit\n{rows}"}))


@pytest.mark.parametrize("others", [(), ("val/v",)])
def test_a_row_that_contradicts_the_folder_of_its_recording_is_an_error(
    make_dataset: MakeDataset, others: tuple[str, ...]
) -> None:
    """Train/ leaves open train and val, as long as there is no val/."""
    files = _clips(*(f"train/{i}" for i in range(4)), "test/t", *others)
    folder = make_dataset(files | {"split.tsv": "filename\tsplit\ntest/t.wav\ttest\ntrain/1.wav\ttest\n"})
    allowed = "train" if others else "train or val"
    with pytest.raises(
        DatasetError,
        match=rf"split\.tsv:3: train/1\.wav is in test here, but lies in train/, which makes it {allowed}; move it",
    ):
        open_dataset(folder)
    (folder / "split.tsv").write_text("filename\tsplit\ntest/t.wav\ttest\ntrain/1.wav\ttrain\n")
    assert _split_of(open_dataset(folder))["train/1.wav"] == "train"


def test_a_row_may_hold_a_recording_of_train_out_as_val(make_dataset: MakeDataset) -> None:
    files = _clips(*(f"train/{i}" for i in range(4)), "test/t") | {"split.tsv": "filename\tsplit\ntrain/1.wav\tval\n"}
    assert _split_of(open_dataset(make_dataset(files)))["train/1.wav"] == "val"


def test_rows_of_a_split_without_a_recording_are_noted(make_dataset: MakeDataset) -> None:
    dataset = open_dataset(make_dataset(_clips("a", "b") | {"split.tsv": "filename\tsplit\ngone.wav\tval\n"}))
    assert any(each.kind == "rows of split.tsv name no recording: not used" for each in dataset.notes)


@given(
    st.dictionaries(st.text(st.sampled_from("abc"), min_size=1, max_size=4), st.floats(0.1, 100), min_size=1),
    st.data(),
)
def test_placed_groups_keep_their_split(seconds: dict[str, float], data: st.DataObject) -> None:
    groups = {name: (amount, [Annotation(0, 1, "pop")]) for name, amount in seconds.items()}
    placed = data.draw(st.dictionaries(st.sampled_from(sorted(groups)), st.sampled_from(["train", "val", "test"])))
    chosen = split_groups(groups, placed=placed)
    assert set(chosen) == set(groups)
    assert {name: chosen[name] for name in placed} == placed
    assert split_groups(groups, placed=chosen) == chosen


def test_check_tells_what_lies_where_and_why(make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]) -> None:
    files = _clips("test/a", "b/x", "c/x") | {"m/z.wav": 6.0, "m/z.txt": "", "m/mined.tsv": "filename\n"}
    assert main(["check", str(make_dataset(files))]) == 0
    lines = capsys.readouterr().out.splitlines()
    begin = lines.index("what lies where, and why") + 1
    rows = [line.split(None, 5) for line in lines[begin : lines.index("", begin)]]
    assert rows[0] == ["split", "folder", "recordings", "minutes", "events", "why"]
    assert ["train", "m", "1", "0.1", "0", "mined (mined.tsv): always train"] in rows
    assert ["test", "test", "1", "0.0", "1", "folder test/"] in rows
    assert sum(row[5] == "by parent folder, in proportion" for row in rows) == 2


def test_a_table_wins_over_tracks_and_ignored_tracks_are_named(make_dataset: MakeDataset) -> None:
    """Empty tracks, as `stapes mine` writes them, say the same as a table that does not name their recordings."""
    files = {"a.wav": 1.0, "b.wav": 1.0, "c.wav": 1.0, "labels.tsv": HEADER + "a.wav\t0\t0.5\tpop\n"}
    folder = make_dataset(files | {"b.txt": "0\t0.5\tpop\n", "c.txt": ""})
    line = next(each for each in summary(open_dataset(folder).notes) if "label tracks" in each)
    assert line.startswith(f"1 label tracks are not read, because {folder / 'labels.tsv'} counts for all recordings")
    assert line.endswith(f"({folder / 'b.txt'})")


def test_tracks_may_keep_the_suffix_of_the_recording_or_have_capitals(make_dataset: MakeDataset) -> None:
    files = {"a.wav": 1.0, "a.wav.txt": "0\t0.5\tpop\n", "B.wav": 1.0, "B.TXT": "0\t0.5\tpop\n"}
    assert [len(each.annotations) for each in open_dataset(make_dataset(files)).recordings] == [1, 1]
    with pytest.raises(DatasetError, match="not clear which label track belongs to it"):
        open_dataset(make_dataset({"a.txt": ""}))


def test_marks_and_label_files_of_other_formats_are_named_with_the_command_that_reads_them(
    make_dataset: MakeDataset,
) -> None:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16_000, 2, 16)
    cue = struct.pack("<4sIIII4sIII", b"cue ", 28, 1, 1, 800, b"data", 0, 0, 800)
    marked = b"WAVE" + form + struct.pack("<4sI", b"data", 16_000) + bytes(16_000) + cue
    files = {"b.wav": b"RIFF" + struct.pack("<I", len(marked)) + marked, "c.wav": 1.0, "c.TextGrid": "", "c.eaf": ""}
    folder = make_dataset(_clips("a") | files)
    notes = [note for note in open_dataset(folder).notes if "`" in note.kind]
    kinds = {Path(note.place).name: note.kind for note in notes}
    end = f"--audio {folder} --out {folder}/labels.tsv` makes"
    assert kinds["b.wav"] == f"recordings hold marks of their own: `stapes labels {folder}/*.wav {end} labels of them"
    for name in ("TextGrid", "eaf"):
        command = f"`stapes labels {folder}/*.{name} {end} a table"
        assert kinds[f"c.{name}"] == f"label files of another format are not read: {command}"
    words = kinds["b.wav"].split("`")[1].replace("*", "b").split()[1:]
    assert main(words) == 0
    assert open_dataset(folder).classes == ("event",), "the command does what the note says"


def test_a_labels_csv_is_a_table_too_and_two_tables_are_an_error(make_dataset: MakeDataset) -> None:
    folder = make_dataset({"a.wav": 1.0, "labels.csv": "filename,onset,offset,event_label\na.wav,0,0.5,pop\n"})
    assert [each.annotations for each in open_dataset(folder).recordings] == [(Annotation(0, 0.5, "pop"),)]
    with pytest.raises(DatasetError, match=r"has labels\.tsv and labels\.csv, and it is not clear which one counts"):
        open_dataset(make_dataset({"labels.tsv": HEADER}))


def test_names_match_in_any_form_of_unicode(make_dataset: MakeDataset) -> None:
    """A Mac writes é as two characters, a keyboard as one."""
    mac, typed = (unicodedata.normalize(form, "café") for form in ("NFD", "NFC"))
    folder = make_dataset({f"{mac}.wav": 1.0, "labels.tsv": f"{HEADER}{typed}.wav\t0\t0.5\tpop\n"})
    assert [len(each.annotations) for each in open_dataset(folder).recordings] == [1]
    (folder / "labels.tsv").unlink()
    assert [len(e.annotations) for e in open_dataset(make_dataset({f"{typed}.txt": "0\t1\tx\n"})).recordings] == [1]


def test_a_name_that_is_not_utf8_is_an_error_that_says_what_to_do(
    make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_dataset(_clips("a"))
    (folder / "a.wav").rename(folder / b"caf\xe9.wav".decode("utf-8", "surrogateescape"))
    make_dataset(_clips("a"))
    assert main(["check", str(folder)]) == 1
    assert r"caf\udce9.wav': the name is not UTF-8" in capsys.readouterr().out
    with pytest.raises(DatasetError, match="rename it, all of a folder at once with: convmv"):
        open_dataset(folder)


def test_linked_folders_are_followed_and_loops_are_not(make_dataset: MakeDataset, tmp_path: Path) -> None:
    folder = make_dataset(_clips("b") | {"../real/a.wav": 1.0, "../real/a.txt": "0\t1\tpop\n"})
    (folder / "sub").symlink_to(tmp_path / "real")
    (folder / "loop").symlink_to(folder)
    assert sorted(each.name for each in open_dataset(folder).recordings) == ["b.wav", "sub/a.wav"]


def test_classes_that_differ_in_case_or_blanks_are_hinted_at(make_dataset: MakeDataset) -> None:
    folder = make_dataset({"a.wav": 4.0, "a.txt": "0\t1\tdog bark\n1\t2\tDog  bark\n2\t3\tcat\n"})
    (note,) = open_dataset(folder).notes
    assert note.kind.startswith("classes differ only in case or blanks")
    assert note.text == "'Dog bark' and 'dog bark'" or note.text == "'Dog  bark' and 'dog bark'"
    assert open_dataset(make_dataset({"label_map.tsv": "label\tclass\nDog  bark\tdog bark\n"})).notes == ()
