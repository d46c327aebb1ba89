"""Clips are sorted for the next training, judged by the files on disk and by the dataset that is read from them."""

import itertools
import json
import shutil
import subprocess
import sys
import textwrap
from datetime import date, timedelta
from pathlib import Path

import pytest
import soundfile
from made_clips import heard, make_clip
from tiny_detector import RATE, noise_bursts

from stapes.firmware_sim.errors import ConfigError, DatasetError, LabelError, OutputError
from stapes.runtime.labels import read_audacity
from stapes.runtime.main import main
from stapes.train.data.dataset import Dataset, open_dataset
from stapes.train.label.inbox import JUDGED_ONE_IN, Inbox, Verdict, is_judged

DAYS = [(date(2026, 1, 1) + timedelta(n)).isoformat() for n in range(365)]
TRAINED_DAY = next(day for day in DAYS if not is_judged(day))
JUDGED_DAY = next(day for day in DAYS if is_judged(day))
AT_NOON = f"{TRAINED_DAY}T12:00:00.000Z"


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    (tmp_path / "clips").mkdir()
    return tmp_path / "clips"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A dataset with a table and two groups, as most have."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    rows = ["filename\tonset\toffset\tevent_label\tgroup"]
    for name in ("a.wav", "b.wav", "c.wav", "d.wav"):
        soundfile.write(folder / name, noise_bursts(3.0, [(1.0, 1.5, "hiss")]), RATE)
        rows.append(f"{name}\t1.0\t1.5\thiss\t{name[0]}")
    (folder / "labels.tsv").write_text("\n".join(rows) + "\n")
    return folder


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".sorting.lock"
    }


def _labels(dataset: Dataset, name: str) -> list[tuple[float, float, str]]:
    [found] = [each for each in dataset.recordings if each.path.name == name]
    return [(each.onset, each.offset, each.label) for each in found.annotations]


def test_a_right_clip_becomes_a_labelled_recording_for_training_although_the_dataset_has_a_table(
    clips: Path, dataset: Path, tiny_detector: Path
) -> None:
    name = make_clip(clips, tiny_detector, AT_NOON)
    before = _files(dataset)
    to = Inbox(clips, dataset).sort(name, "right")
    assert to == dataset / "clips" / name
    assert _files(clips) == {}
    assert before.items() <= _files(dataset).items(), "no other file of the dataset is touched"
    read = open_dataset(dataset)
    assert _labels(read, name) == [(1.0, 1.5, "hiss")]
    [clip] = [each for each in read.splits["train"] if each.path == to]
    assert clip.group == f"clips {TRAINED_DAY}"
    assert not [note for note in read.notes if "not read" in note.kind]


def test_a_wrong_clip_is_a_recording_without_events(clips: Path, dataset: Path, tiny_detector: Path) -> None:
    name = make_clip(clips, tiny_detector, AT_NOON)
    to = Inbox(clips, dataset).sort(name, "wrong")
    assert to.with_suffix(".txt").read_text() == ""
    assert _labels(open_dataset(dataset), name) == []


def test_a_near_miss_that_was_one_is_an_event_and_one_that_was_none_is_not(
    clips: Path, dataset: Path, tiny_detector: Path
) -> None:
    first, second = (make_clip(clips, tiny_detector, f"{TRAINED_DAY}T1{n}:00:00Z", kind="near miss") for n in (1, 2))
    inbox = Inbox(clips, dataset)
    inbox.sort(first, "right")
    inbox.sort(second, "wrong")
    read = open_dataset(dataset)
    assert (_labels(read, first), _labels(read, second)) == ([(1.0, 1.5, "hiss")], [])


def test_another_class_takes_the_place_of_the_one_that_was_heard(
    clips: Path, dataset: Path, tiny_detector: Path
) -> None:
    name = make_clip(clips, tiny_detector, AT_NOON)
    Inbox(clips, dataset).sort(name, "other", "kettle")
    read = open_dataset(dataset)
    assert _labels(read, name) == [(1.0, 1.5, "kettle")]
    assert "kettle" in read.classes


@pytest.mark.parametrize("verdict", ["right", "wrong"])
def test_what_else_was_heard_stays_unconfirmed_whatever_is_said_of_the_clip(
    clips: Path, dataset: Path, tiny_detector: Path, verdict: Verdict
) -> None:
    """It has a clip of its own; nobody has said yet whether it happened."""
    name = make_clip(clips, tiny_detector, AT_NOON, also=(heard("rumble", "event", 2.0, 2.5),))
    to = Inbox(clips, dataset).sort(name, verdict)
    labels = [each.label for each in read_audacity(to.with_suffix(".txt"))]
    assert labels == (["hiss", "rumble?"] if verdict == "right" else ["rumble?"])
    read = open_dataset(dataset)
    assert "rumble" not in [label for _, _, label in _labels(read, name)]
    [recording] = [each for each in read.recordings if each.path == to]
    assert [each.label for each in recording.ignored] == ["rumble?"]


def test_an_unsure_clip_is_left_out_of_the_dataset_as_it_is(clips: Path, dataset: Path, tiny_detector: Path) -> None:
    name = make_clip(clips, tiny_detector, AT_NOON)
    track = (clips / name).with_suffix(".txt").read_text()
    before = _files(dataset)
    to = Inbox(clips, dataset).sort(name, "unsure")
    assert to == clips / "unsure" / name
    assert to.with_suffix(".txt").read_text() == track
    assert _files(dataset) == before


def test_a_day_in_five_is_set_aside_for_judging_and_never_trained_on(
    clips: Path, dataset: Path, tiny_detector: Path, tmp_path: Path
) -> None:
    """Wherever the folder is put later on, `split` says test."""
    name = make_clip(clips, tiny_detector, f"{JUDGED_DAY}T12:00:00Z")
    before = _files(dataset)
    to = Inbox(clips, dataset).sort(name, "right")
    assert to == clips / "judging" / name
    assert _files(dataset) == before
    assert list(open_dataset(clips / "judging").splits) == ["test"]
    shutil.copytree(clips / "judging", dataset / "judging")
    read = open_dataset(dataset)
    assert [each.path.name for each in read.splits["test"] if each.path.parent.name == "judging"] == [name]
    assert sum(map(is_judged, DAYS)) / len(DAYS) == pytest.approx(1 / JUDGED_ONE_IN, abs=0.06)


def test_what_is_set_aside_depends_on_the_day_and_not_on_what_is_said(
    clips: Path, dataset: Path, tiny_detector: Path
) -> None:
    for day, folder in ((JUDGED_DAY, clips / "judging"), (TRAINED_DAY, dataset / "clips")):
        for hour, verdict in enumerate(("right", "wrong", "other"), start=10):
            name = make_clip(clips, tiny_detector, f"{day}T{hour}:00:00Z")
            assert Inbox(clips, dataset).sort(name, verdict, "kettle").parent == folder  # type: ignore[arg-type]


def test_clips_that_share_sound_stay_together_over_midnight(clips: Path, dataset: Path, tiny_detector: Path) -> None:
    """Two clips of 3 s, one before and one after midnight, on days of which one is set aside and the other is not."""
    first, second = next((a, b) for a, b in itertools.pairwise(DAYS) if is_judged(a) and not is_judged(b))
    before = make_clip(clips, tiny_detector, f"{first}T23:59:59.500Z")
    after = make_clip(clips, tiny_detector, f"{second}T00:00:00.900Z", label="rumble")
    later = make_clip(clips, tiny_detector, f"{second}T00:00:09.000Z")
    inbox = Inbox(clips, dataset)
    places = {name: inbox.sort(name, "right").parent.name for name in (after, later, before)}
    assert places == {before: "judging", after: "judging", later: "clips"}


def test_clips_without_a_time_are_trained_on(clips: Path, dataset: Path, tiny_detector: Path) -> None:
    name = make_clip(clips, tiny_detector, None)
    assert Inbox(clips, dataset).sort(name, "right").parent == dataset / "clips"


@pytest.mark.parametrize("verdict", ["right", "wrong", "other", "unsure"])
@pytest.mark.parametrize("day", [TRAINED_DAY, JUDGED_DAY])
def test_undo_brings_every_byte_of_the_labels_back(
    clips: Path, dataset: Path, tiny_detector: Path, verdict: Verdict, day: str
) -> None:
    name = make_clip(clips, tiny_detector, f"{day}T12:00:00Z", also=(heard("rumble", "event", 2.0, 2.5),))
    before, elsewhere = _files(clips), _files(dataset)
    inbox = Inbox(clips, dataset)
    inbox.sort(name, verdict, "kettle")
    assert inbox.waiting() == []
    assert inbox.sort(name, "undo") == clips / name
    assert _files(clips) == before
    assert _files(dataset) == elsewhere
    assert [each.name for each in inbox.waiting()] == [name]


def test_undo_does_not_throw_away_labels_that_were_changed_since(
    clips: Path, dataset: Path, tiny_detector: Path
) -> None:
    name = make_clip(clips, tiny_detector, AT_NOON)
    inbox = Inbox(clips, dataset)
    track = inbox.sort(name, "right").with_suffix(".txt")
    track.write_text("0.9\t1.6\thiss\n")
    with pytest.raises(DatasetError, match="changed after"):
        inbox.sort(name, "undo")
    assert track.read_text() == "0.9\t1.6\thiss\n"


def test_a_dataset_with_folders_of_splits_gets_clips_in_train(clips: Path, tmp_path: Path, tiny_detector: Path) -> None:
    dataset = tmp_path / "split"
    for part in ("train", "val"):
        (dataset / part).mkdir(parents=True)
        soundfile.write(dataset / part / f"{part}.wav", noise_bursts(3.0, [(1.0, 1.5, "hiss")]), RATE)
        (dataset / part / f"{part}.txt").write_text("1.0\t1.5\thiss\n")
    name = make_clip(clips, tiny_detector, AT_NOON)
    assert Inbox(clips, dataset).sort(name, "right") == dataset / "train" / "clips" / name
    read = open_dataset(dataset)
    assert name in [each.path.name for each in read.splits["train"]]
    assert [each.name for each in read.splits["val"]] == ["val/val.wav"]


def test_a_folder_of_clips_does_not_change_how_the_other_recordings_are_grouped(
    clips: Path, tmp_path: Path, tiny_detector: Path
) -> None:
    dataset = tmp_path / "tracks"
    dataset.mkdir()
    for name in "abc":
        soundfile.write(dataset / f"{name}.wav", noise_bursts(3.0, [(1.0, 1.5, "hiss")]), RATE)
        (dataset / f"{name}.txt").write_text("1.0\t1.5\thiss\n")
    before = {each.name: each.group for each in open_dataset(dataset).recordings}
    Inbox(clips, dataset).sort(make_clip(clips, tiny_detector, AT_NOON), "right")
    after = {each.name: each.group for each in open_dataset(dataset).recordings}
    assert before.items() <= after.items()


def test_nothing_that_exists_is_replaced(clips: Path, dataset: Path, tiny_detector: Path) -> None:
    name = make_clip(clips, tiny_detector, AT_NOON)
    (dataset / "clips").mkdir()
    (dataset / "clips" / name).with_suffix(".txt").write_text("0.1\t0.2\tmine\n")
    before = _files(clips), _files(dataset)
    with pytest.raises(OutputError, match="exists already"):
        Inbox(clips, dataset).sort(name, "right")
    assert (_files(clips), _files(dataset)) == before


@pytest.mark.slow
@pytest.mark.parametrize("step", ["write_whole", "_move_file", "unlink"])
@pytest.mark.parametrize("verdict", ["right", "undo"])
def test_a_clip_that_was_half_moved_by_a_killed_program_is_moved_by_the_next(
    clips: Path, dataset: Path, tiny_detector: Path, step: str, verdict: Verdict
) -> None:
    """The program ends at each call of a step in turn, as kill -9 ends it: no `finally` runs."""
    script = textwrap.dedent(f"""
        import os, sys
        from pathlib import Path
        from stapes.train.label import clip_moves
        from stapes.train.label.inbox import Inbox
        owner, name = (Path, "unlink") if {step!r} == "unlink" else (clip_moves, {step!r})
        real, left = getattr(owner, name), [int(sys.argv[4])]
        def ending(*arguments, **named):
            left[0] -= 1
            if left[0] < 0:
                os._exit(9)
            return real(*arguments, **named)
        setattr(owner, name, ending)
        Inbox(Path(sys.argv[1]), Path(sys.argv[2])).sort(sys.argv[3], {verdict!r})
        """)
    name = make_clip(clips, tiny_detector, AT_NOON)
    if verdict == "undo":
        Inbox(clips, dataset).sort(name, "right")
    start = clips.parent / "start"
    for folder in (clips, dataset):
        shutil.copytree(folder, start / folder.name)
    Inbox(clips, dataset).sort(name, verdict)
    whole, ended = (_files(clips), _files(dataset)), 0
    for calls in range(8):
        for folder in (clips, dataset):
            shutil.rmtree(folder)
            shutil.copytree(start / folder.name, folder)
        done = subprocess.run([sys.executable, "-c", script, str(clips), str(dataset), name, str(calls)], timeout=60)
        ended += done.returncode == 9
        inbox = Inbox(clips, dataset)
        inbox.waiting()
        if (_files(clips), _files(dataset)) != whole:
            inbox.sort(name, verdict)  # it had not begun: nothing was written down yet
        assert (_files(clips), _files(dataset)) == whole
        if done.returncode == 0:
            break
    assert ended >= 1


def test_two_programs_that_sort_at_once_lose_nothing(clips: Path, dataset: Path, tiny_detector: Path) -> None:
    names = [make_clip(clips, tiny_detector, f"{TRAINED_DAY}T12:{n:02}:00Z") for n in range(12)]
    script = (
        "import sys; from pathlib import Path; from stapes.train.label.inbox import Inbox\n"
        "inbox = Inbox(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "[inbox.sort(name, 'right') for name in sys.argv[3:]]"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", script, str(clips), str(dataset), *some])
        for some in (names[::2], names[1::2])
    ]
    assert [each.wait(60) for each in running] == [0, 0]
    assert sorted(path.name for path in (dataset / "clips").glob("*.flac")) == sorted(names)
    assert _files(clips) == {}


def test_hostile_names_and_descriptions_reach_no_other_folder(clips: Path, dataset: Path, tiny_detector: Path) -> None:
    name = make_clip(clips, tiny_detector, AT_NOON)
    inbox = Inbox(clips, dataset)
    for bad in ("../recordings/a.wav", "/etc/passwd", "none.flac", ""):
        for verdict in ("right", "undo"):
            with pytest.raises(DatasetError):
                inbox.sort(bad, verdict)  # type: ignore[arg-type]
    journal = {"clip": "../x", "origin": "waiting", "target": "train", "track": "", "description": ""}
    (clips / ".sorting.json").write_text(json.dumps(journal))
    with pytest.raises(OutputError, match="damaged"):
        inbox.sort(name, "right")


@pytest.mark.parametrize(
    "change",
    [
        {"heard": 3},
        {"heard": [[]]},
        {"heard": [{"kind": "event", "label": "hiss", "onset": "x", "offset": 1}]},
        {"heard": [{"kind": "event", "label": "hiss", "onset": 1e300, "offset": 1}]},
        {"heard": [{"kind": "event", "label": "hiss", "onset": float("nan"), "offset": 1}]},
        {"utc": "yesterday"},
        {"utc": 5},
        {"utc": "0001-01-01T00:00:00Z"},
    ],
)
def test_a_damaged_description_is_an_error_that_names_the_file(
    clips: Path, dataset: Path, tiny_detector: Path, change: dict
) -> None:
    name = make_clip(clips, tiny_detector, AT_NOON)
    path = (clips / name).with_suffix(".json")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DatasetError, match=path.name):
        Inbox(clips, dataset).waiting()


@pytest.mark.parametrize("placed", [3, {}, {"verdict": "right"}, {"verdict": [], "track": 1, "track_before": None}])
def test_a_damaged_record_of_a_verdict_counts_as_none(
    clips: Path, dataset: Path, tiny_detector: Path, placed: object
) -> None:
    inbox = Inbox(clips, dataset)
    name = make_clip(clips, tiny_detector, AT_NOON)
    path = inbox.sort(name, "right").with_suffix(".json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"sorted": placed}))
    assert inbox.counts()["right"] == 0
    with pytest.raises(DatasetError, match="nothing to undo"):
        inbox.sort(name, "undo")
    open_dataset(dataset)


def test_clips_in_the_dataset_are_refused(dataset: Path) -> None:
    (dataset / "clips").mkdir()
    with pytest.raises(ConfigError, match="lie in each other"):
        Inbox(dataset / "clips", dataset)


def test_the_command_prints_the_clips_and_sorts_them_by_the_same_table(
    clips: Path, dataset: Path, tiny_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [make_clip(clips, tiny_detector, f"{TRAINED_DAY}T0{n}:00:00Z") for n in range(3)]
    assert main(["inbox", str(clips), "--dataset", str(dataset)]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert [row.split("\t")[0] for row in rows] == names, "the oldest first"
    assert header.endswith("verdict")
    rows = [rows[0] + "right", rows[1].replace("\thiss\t", "\tkettle\t") + "other", rows[2]]
    table = tmp_path / "verdicts.tsv"
    table.write_text("\n".join([header, *rows]) + "\n")
    assert main(["inbox", str(clips), "--dataset", str(dataset), "--verdicts", str(table)]) == 0
    read = open_dataset(dataset)
    assert _labels(read, names[0]) == [(1.0, 1.5, "hiss")]
    assert _labels(read, names[1]) == [(1.0, 1.5, "kettle")]
    assert (clips / names[2]).exists(), "a row without a verdict waits on"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("{clip}\tyes\t", "none of right"),
        ("{clip}\tother\t", "needs the class"),
        ("{clip}\tother\thiss", "write the right class"),
        ("none.flac\tright\t", "no such clip"),
    ],
)
def test_a_table_with_a_bad_row_moves_nothing_and_names_the_line(
    clips: Path, dataset: Path, tiny_detector: Path, tmp_path: Path, row: str, words: str
) -> None:
    from stapes.train.label.verdicts import sort_by_table

    good, clip = (make_clip(clips, tiny_detector, f"{TRAINED_DAY}T0{n}:00:00Z") for n in range(2))
    table = tmp_path / "verdicts.tsv"
    table.write_text(f"clip\tverdict\tlabel\n{good}\tright\t\n{row.format(clip=clip)}\n")
    before = _files(clips)
    with pytest.raises(LabelError, match=words) as error:
        sort_by_table(clips, dataset, table)
    assert f"{table}:3" in str(error.value)
    assert _files(clips) == before
