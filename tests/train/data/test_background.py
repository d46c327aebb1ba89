"""Which recordings may be declared free of events, and that it is said when none of them counts false alarms."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stapes.firmware_sim.errors import DatasetError
from stapes.train.data.background import open_background, open_unlabelled, split_background
from stapes.train.data.content import content_id

MakeDataset = Callable[[dict[str, float | str | bytes]], Path]
HEADER = "filename\tonset\toffset\tevent_label\n"


@pytest.mark.parametrize("table", ["labels.tsv", "labels.csv", "Labels.CSV", "night/labels.csv"])
def test_a_table_of_either_kind_that_labels_an_event_is_seen(make_dataset: MakeDataset, table: str) -> None:
    text = f"{HEADER}a.wav\t0.1\t0.2\tbark\n"
    folder = make_dataset({"night/a.wav": 1.0, table: text if table.endswith("tsv") else text.replace("\t", ",")})
    with pytest.raises(DatasetError, match=rf"{table}:2: 'bark' is labelled in a recording of .*data, which was dec"):
        open_background([folder])


def test_two_tables_of_one_folder_are_refused_as_in_a_dataset(make_dataset: MakeDataset) -> None:
    folder = make_dataset({"a.wav": 1.0, "labels.tsv": HEADER, "labels.csv": HEADER})
    with pytest.raises(DatasetError, match=r"has labels\.tsv and labels\.csv, and it is not clear which one counts"):
        open_background([folder])


@pytest.mark.parametrize("name", ["val/day1/a.wav", "day1/a.wav", "a.wav", "a"])
@pytest.mark.parametrize("below", ["val", "val/day1"])
def test_a_table_above_the_folder_that_labels_an_event_there_is_seen(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch, below: str, name: str
) -> None:
    folder = make_dataset(
        {"val/day1/a.wav": 1.0, "train/b.wav": 1.0, "labels.csv": f"{HEADER}{name}\t0.1\t0.2\tbark\n"}
    )
    with pytest.raises(DatasetError, match=r"labels\.csv:2: 'bark' is labelled in a recording of .*val"):
        open_background([folder / below])
    monkeypatch.chdir(folder / "train")
    with pytest.raises(DatasetError, match=r"labels\.csv:2: 'bark' is labelled in a recording of \.\./val"):
        open_background([Path("..", below)])


def test_a_table_above_may_label_other_recordings_and_have_errors_of_its_own(make_dataset: MakeDataset) -> None:
    rows = "train/a.wav\t0.1\t0.2\tbark\nquiet/a.wav\t\t\t\nquiet/b.wav\t\t\t\ntrain/c.wav\t0.2\t0.1\tbark\n"
    sounds: dict[str, float | str | bytes] = {"train/a.wav": 1.0, "quiet/a.wav": 1.0, "quiet/b.wav": 1.0}
    folder = make_dataset(sounds | {"labels.tsv": HEADER + rows, "quiet/deep/c.wav": 1.0})
    assert [each.path.name for each in open_background([folder / "quiet"])] == ["a.wav", "b.wav", "c.wav"]
    (folder / "labels.tsv").write_text("name\tcolour\na.wav\tred\n")
    assert len(open_background([folder / "quiet"])) == 3


def test_a_table_above_a_hidden_folder_says_nothing_of_its_recordings(make_dataset: MakeDataset) -> None:
    folder = make_dataset({".kept/quiet/a.wav": 1.0, "labels.tsv": f"{HEADER}a.wav\t0.1\t0.2\tbark\n"})
    assert len(open_background([folder / ".kept" / "quiet"])) == 1


def test_it_is_said_that_a_single_recording_counts_no_false_alarms(
    make_dataset: MakeDataset, caplog: pytest.LogCaptureFixture
) -> None:
    folder = make_dataset({"one/a.wav": 1.0, "two/b.wav": 1.0, "two/c.wav": 1.0})
    with caplog.at_level(logging.INFO, "stapes"):
        several = split_background(open_background([folder / "two"]))
        assert (len(several.train), len(several.val)) == (1, 1)
        assert not split_background([]).train
        assert not caplog.messages
        single = split_background(open_background([folder / "one"]))
    assert (len(single.train), len(single.val)) == (1, 0)
    assert caplog.messages == [
        f"{folder / 'one' / 'a.wav'}: is the only recording of --background, so it is trained on and no false alarms "
        "are counted in it; give several recordings, so that a part of them can count false alarms"
    ]


def test_what_was_trained_on_before_counts_no_false_alarms(
    make_dataset: MakeDataset, caplog: pytest.LogCaptureFixture
) -> None:
    folder = make_dataset({f"{name}.wav": 1.0 + index for index, name in enumerate("abcdef")})
    recordings = open_background([folder])
    first = split_background(recordings)
    assert first.val
    assert not caplog.messages
    again = split_background(recordings, {content_id(each.path) for each in first.train})
    assert (again, caplog.messages) == (first, [])
    longer = make_dataset({"g.wav": 20.0})
    more = split_background(open_background([longer]), {content_id(each.path) for each in recordings})
    assert [each.path.name for each in more.val] == ["g.wav"], "what is new counts false alarms"
    assert not caplog.messages
    assert not split_background(recordings, {content_id(each.path) for each in recordings}).val
    assert caplog.messages == [
        "--background: the detector was trained on all of these recordings before, so no false alarms are counted in "
        "them; add recordings that are new to it"
    ]


def test_recordings_of_constant_samples_show_no_hours_without_events(
    make_dataset: MakeDataset, caplog: pytest.LogCaptureFixture
) -> None:
    folder = make_dataset({"a.wav": 1.0})
    soundfile.write(folder / "dead.wav", np.zeros(8000, np.int16), 8000)
    assert [each.path.name for each in open_background([folder])] == ["a.wav"]
    assert f"1 of 2 recordings are left out, as all of their samples are the same: {folder / 'dead.wav'}" in caplog.text
    (folder / "a.wav").unlink()
    with pytest.raises(DatasetError, match=r"data: all samples are zero; check the microphone"):
        open_background([folder])


def test_a_link_to_a_recording_of_the_folder_is_named(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "night.wav", np.random.default_rng(1).normal(0, 0.1, 16_000), 16_000)
    (tmp_path / "same.wav").symlink_to("night.wav")
    with pytest.raises(DatasetError, match=r"same\.wav: is the same file as .*night\.wav; give each folder once"):
        open_unlabelled([tmp_path])
