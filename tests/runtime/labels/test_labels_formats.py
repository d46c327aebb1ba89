"""Raven, Label Studio, CSV, JAMS and ELAN labels, and `stapes labels`, which converts between formats."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stapes.firmware_sim.errors import LabelError, StapesError
from stapes.runtime.labels import (
    Annotation,
    read_dcase,
    read_elan,
    read_jams,
    read_labelstudio,
    read_raven,
    write_csv,
    write_elan,
    write_jams,
    write_labelstudio,
    write_raven,
)
from stapes.runtime.main import main

RAVEN = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)"
microseconds = st.integers(0, 10**10)
labels = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20).map(str.strip)
events = st.lists(
    st.builds(
        lambda onset, length, label: Annotation(onset / 1e6, (onset + length) / 1e6, label),
        microseconds,
        microseconds,
        labels,
    ),
    max_size=5,
)
# Label Studio drops folders and its own upload prefix, and it has no regions without a label.
names = st.text(st.sampled_from("abxyz0_."), min_size=1, max_size=8).filter(lambda name: not name.startswith("."))


def _sorted(annotations: list[Annotation]) -> list[Annotation]:
    return sorted(annotations, key=lambda each: (each.onset, each.offset))


def _file(folder: Path, text: str, name: str = "x.Table.1.selections.txt") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@given(events)
def test_raven_round_trip(tmp_path_factory: pytest.TempPathFactory, written: list[Annotation]) -> None:
    path = _file(tmp_path_factory.mktemp("labels", numbered=True), write_raven(written))
    assert read_raven(path) == {"x": written}


@given(st.dictionaries(names, events, max_size=4))
def test_csv_round_trip(tmp_path_factory: pytest.TempPathFactory, written: dict[str, list[Annotation]]) -> None:
    path = _file(tmp_path_factory.mktemp("labels", numbered=True), write_csv(written), "x.csv")
    assert read_dcase(path) == written


@given(st.dictionaries(names, events, max_size=4))
def test_labelstudio_round_trip(tmp_path_factory: pytest.TempPathFactory, written: dict[str, list[Annotation]]) -> None:
    """A repeated region is read once, because a region of a stereo file is exported once per channel."""
    once = {name: list(dict.fromkeys(each)) for name, each in written.items()}
    path = _file(tmp_path_factory.mktemp("labels", numbered=True), write_labelstudio(once), "x.json")
    assert read_labelstudio(path) == {name: _sorted(each) for name, each in once.items()}


def test_raven_counts_a_selection_once_although_each_view_has_a_row(tmp_path: Path) -> None:
    text = f"{RAVEN}\tSpecies\n1\tWaveform 1\t1\t0.5\t1.25\t0\t8000\twren\n"
    text += "1\tSpectrogram 1\t1\t0.5\t1.25\t100\t4000\twren\n"
    found = read_raven(_file(tmp_path, text))
    assert found == {"x": [Annotation(0.5, 1.25, "wren")]}
    assert found["x"][0].columns["High Freq (Hz)"] == "8000"


def test_raven_places_selections_in_their_own_files(tmp_path: Path) -> None:
    """Begin Time counts over all files; File Offset is the time of the selection in its own file."""
    text = f"{RAVEN}\tBegin File\tFile Offset (s)\tAnnotation\n"
    text += "1\tSpectrogram 1\t1\t10\t11.5\t0\t9\ta.wav\t10\twren\n"
    text += "2\tSpectrogram 1\t1\t70\t70.5\t0\t9\tb.wav\t10\trobin\n"
    assert read_raven(_file(tmp_path, text)) == {
        "a.wav": [Annotation(10, 11.5, "wren")],
        "b.wav": [Annotation(10, 10.5, "robin")],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{RAVEN}\tAnnotation\n1\tS\t1\t2\t1\t0\t9\twren\n", ":2: onset 2 s is after offset 1 s"),
        (
            f"{RAVEN}\tNotes\tCall\n1\tS\t1\t1\t2\t0\t9\t\twren\n2\tS\t1\t1\t2\t0\t9\t\twren\n",
            ":1: no column Annotation or Species in the header; name the one of Notes, Call that contains the labels ",
        ),
        ("Selection\tBegin Time (s)\n1\t2\n", ":1: no column End Time (s)"),
        (
            f"{RAVEN}\tBegin File\tAnnotation\n1\tS\t1\t1\t2\t0\t9\ta.wav\tw\n2\tS\t1\t61\t62\t0\t9\tb.wav\tw\n",
            ":2: the table covers several files but has no 'File Offset (s)'",
        ),
        (
            f"{RAVEN}\tBegin Path\tAnnotation\n1\tS\t1\t1\t2\t0\t9\tC:\\a\\\tw\n",
            r":2: 'C:\\a\\' is a folder, not a file",
        ),
        (
            f"{RAVEN}\tAnnotation\n1\tS\t1\t2\t1e300\t0\t9\twren\n",
            ":2: offset 1e+300 s lies behind the end of any recor",
        ),
    ],
)
def test_a_bad_selection_table_is_named_by_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(LabelError) as raised:
        read_raven(path)
    assert str(raised.value).startswith(f"{path}{message}")


def test_the_label_column_of_a_selection_table_can_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = _file(tmp_path, f"{RAVEN}\tNotes\tCall\n1\tS\t1\t0.5\t1.25\t0\t9\tloud\twren\n")
    assert main(["labels", str(table), "--columns", "event_label=Call"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["x\t0.500000\t1.250000\twren"]
    assert main(["labels", str(table), "--columns", "event_label=Bird"]) == 1
    assert f"{table}:1: no column Bird in the header" in capsys.readouterr().err
    assert main(["labels", str(table), "--columns", "onset=Notes,event_label=Call"]) == 1
    assert "is read as Raven, where other columns have fixed names; name only event_label" in capsys.readouterr().err


def _task(audio: str, *annotations: dict[str, object]) -> dict[str, object]:
    return {"id": 7, "data": {"audio": audio}, "annotations": list(annotations)}


def _region(start: float, end: float, *labels: str, channel: int = 0) -> dict[str, object]:
    return {"type": "labels", "value": {"start": start, "end": end, "channel": channel, "labels": list(labels)}}


def test_labelstudio_reads_an_export(tmp_path: Path) -> None:
    """Upload prefix, stereo regions, several labels on one region, cancelled, empty and missing annotations."""
    export = [
        _task("/data/upload/1/0d93a737-a.wav", {"result": [_region(1, 2, "dog"), _region(1, 2, "dog", channel=1)]}),
        _task("s3://bucket/b.wav", {"result": [], "was_cancelled": False}),
        _task("c.wav"),
        _task("/data/local-files/?d=hall%20one/e%231.wav", {"result": [_region(1, 2, "dog")]}),
        _task("https://host/f%20g.wav?key=a/b", {"result": []}),
        _task(
            "d.wav",
            {"was_cancelled": True, "result": [_region(0, 1, "cat")]},
            {"result": [_region(3, 4, "x", "y")]},
        ),
    ]
    assert read_labelstudio(_file(tmp_path, json.dumps(export, indent=2), "x.json")) == {
        "a.wav": [Annotation(1, 2, "dog")],
        "b.wav": [],
        "e#1.wav": [Annotation(1, 2, "dog")],
        "f g.wav": [],
        "d.wav": [Annotation(3, 4, "x"), Annotation(3, 4, "y")],
    }


def test_a_bad_task_is_named_by_file_and_line_and_the_others_are_read(tmp_path: Path) -> None:
    tasks = [
        _task("a.wav", {"result": [_region(2, 1, "dog")]}),
        {"audio": "b.wav", "label": []},
        _task("c.wav", {"result": []}, {"result": []}),
        _task("d.wav", {"result": [_region(1, 2, "dog")]}),
    ]
    path = _file(tmp_path, "[\n" + ",\n".join(json.dumps(each) for each in tasks) + "\n]\n", "x.json")
    collected: list[StapesError] = []
    assert read_labelstudio(path, collected) == {"d.wav": [Annotation(1, 2, "dog")]}
    assert [str(error).split(";")[0] for error in collected] == [
        f"{path}:2: onset 2 s is after offset 1 s",
        f"{path}:3: the task has no data.audio or no annotations",
        f"{path}:4: the task has 2 annotations",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", ":1: the file is not a Label Studio export"),
        ("", ":1: the file is not a Label Studio export"),
        ('[\n{"id": 1},\n{"id": }\n]', ":2: the task has no data.audio"),
        ('[\n{"data": {"audio": "a.wav"}, "annotations": [null]}]', ":2: the task is not as"),
        ('[\n{"data": {"audio": "a.wav"}, "annotations": [{"result": null}]}]', ":2: the task is not as"),
        (
            '[{"audio": "/data/upload/1/a.wav", "id": 1, "annotator": 1, "annotation_id": 2, "lead_time": 3}]',
            ":1: this is Label Studio's JSON-MIN, in which a task without events looks like one that nobody annotated",
        ),
        ("[\n" + "[" * 100_000, ":2: the task is nested too deeply"),
    ],
)
def test_a_file_that_is_not_an_export_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = _file(tmp_path, text, "x.json")
    with pytest.raises(LabelError) as raised:
        read_labelstudio(path)
    assert str(raised.value).startswith(f"{path}{message}")


def test_a_cut_off_export_is_named_by_its_line(tmp_path: Path) -> None:
    path = _file(tmp_path, '[\n{"data": {"audio": "a.wav"}, "annotations": []},\n{"da', "x.json")
    with pytest.raises(LabelError, match=r"x\.json:3: the file is not JSON"):
        read_labelstudio(path)


def test_labels_converts_a_table_with_other_column_names_to_dcase(tmp_path: Path) -> None:
    sheet = _file(tmp_path, "what;file;start;end\npop;a.wav;0,5;1,25\n", "sheet.csv")
    out = tmp_path / "labels.tsv"
    columns = "filename=file,onset=start,offset=end,event_label=what"
    assert main(["labels", str(sheet), "--columns", columns, "--out", str(out)]) == 0
    assert out.read_text() == "filename\tonset\toffset\tevent_label\na.wav\t0.500000\t1.250000\tpop\n"


def test_labels_gathers_tracks_into_one_table_with_the_names_of_the_recordings_beside_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.flac").touch()
    tracks = [_file(tmp_path, "1\t2\tpop\n", "a.txt"), _file(tmp_path, "", "b.txt")]
    assert main(["labels", *map(str, tracks), "--to", "csv"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["a.flac,1.000000,2.000000,pop", "b.flac,,,"]


def test_labels_writes_one_track_per_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = _file(tmp_path, "filename\tonset\toffset\tevent_label\na.wav\t1\t2\tpop\nb.wav\t\t\t\n", "labels.tsv")
    assert main(["labels", str(table), "--to", "audacity"]) == 1
    assert "has one file per recording, and there are 2 recordings; name a folder" in capsys.readouterr().err
    assert main(["labels", str(table), "--to", "audacity", "--out", str(tmp_path / "tracks")]) == 0
    assert {path.name: path.read_text() for path in (tmp_path / "tracks").iterdir()} == {
        "a.txt": "1.000000\t2.000000\tpop\n",
        "b.txt": "",
    }


def test_labels_recognizes_each_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    event = [Annotation(1, 2, "pop")]
    files = [
        _file(tmp_path, write_raven(event)),
        _file(tmp_path, write_labelstudio({"y.wav": event}), "y.json"),
        _file(tmp_path, write_csv({"z.wav": event}), "z.csv"),
    ]
    assert main(["labels", *map(str, files)]) == 0
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()[1:]] == ["x", "y.wav", "z.wav"]


@pytest.mark.parametrize("skip", [False, True])
def test_bad_rows_stop_or_are_left_out_and_counted(
    tmp_path: Path, skip: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    track, out = _file(tmp_path, "1\t2\tpop\n2\t1\tpop\nx\t1\tpop\n", "a.txt"), tmp_path / "out.tsv"
    assert main(["labels", str(track), "--out", str(out), *(["--skip-bad"] if skip else [])]) == (0 if skip else 1)
    printed = capsys.readouterr().err
    assert f"{track}:2: onset 2 s is after offset 1 s" in printed
    assert out.exists() == skip
    assert ("2 bad rows or names are left out" in printed) == skip


def test_a_file_without_a_readable_row_does_not_count_as_a_recording_without_events(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tracks = [_file(tmp_path, "1\t2\tpop\n", "a.txt"), tmp_path / "b.txt", _file(tmp_path, "2\t1\tpop\n", "c.txt")]
    tracks[1].write_text("1\t2\tpop\n", encoding="utf-16")
    assert main(["labels", *map(str, tracks), "--skip-bad"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1:] == ["a\t1.000000\t2.000000\tpop"]
    assert (
        f"2 bad rows or names are left out; the first is {tracks[1]}:1: the file is not UTF-8 but UTF-16" in printed.err
    )


@pytest.mark.parametrize("skip", [False, True])
def test_repeated_and_overlapping_rows_are_named_by_file_and_line(
    tmp_path: Path, skip: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    track = _file(tmp_path, "1\t2\tpop\n1.5\t3\tpop\n1.5\t3\tbang\n3\t4\tpop\n1\t2\tpop\n", "a.txt")
    assert main(["labels", str(track), *(["--skip-bad"] if skip else [])]) == 0
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == (5 if skip else 6)
    assert f"rows that repeat another: 1 ({track}:5)" in printed.err
    assert ("--skip-bad leaves them out" in printed.err) != skip
    assert f"events that begin before another of their class ends: 1 ({track}:2)" in printed.err


@pytest.mark.parametrize("skip", [False, True])
def test_a_label_of_a_recording_that_does_not_exist_is_named_by_file_and_line(
    tmp_path: Path, skip: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "audio" / "day1").mkdir(parents=True)
    (tmp_path / "audio" / "day1" / "a.wav").touch()
    text = "filename,onset,offset,event_label\na.wav,1,2,pop\ngone.wav,1,2,pop\n"
    table, audio = _file(tmp_path, text, "labels.csv"), tmp_path / "audio"
    assert main(["labels", str(table), "--audio", str(audio), *(["--skip-bad"] if skip else [])]) == (0 if skip else 1)
    printed = capsys.readouterr()
    assert f"{table}:3: 0 recordings below {audio} are called 'gone.wav'" in printed.err
    assert ("day1/a.wav\t1.000000" in printed.out) == skip


def test_labels_replaces_a_file_only_with_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    track, out = _file(tmp_path, "1\t2\tpop\n", "a.txt"), _file(tmp_path, "precious", "out.tsv")
    assert main(["labels", str(track), "--out", str(out)]) == 1
    assert "out.tsv exists already" in capsys.readouterr().err
    assert out.read_text() == "precious"
    assert main(["labels", str(track), "--out", str(out), "--force"]) == 0
    assert out.read_text() != "precious"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.txt", "--columns", "onset=x"], "--columns names the columns of a table"),
        (["a.txt", "--columns", "start=x"], "write NAME=COLUMN with NAME one of filename"),
        (["a.doc"], "no label format has the suffix '.doc'; name one of audacity, "),
    ],
)
def test_a_conversion_that_cannot_work_prints_what_to_do(
    tmp_path: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _file(tmp_path, "1\t2\tpop\n", "a.txt")
    assert main(["labels", str(tmp_path / words[0]), *words[1:]]) == 1
    assert message in capsys.readouterr().err


def test_recordings_that_differ_only_in_their_suffixes_are_not_written_to_one_track(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = _file(tmp_path, "filename,onset,offset,event_label\na.wav,1,2,pop\na.flac,1,2,pop\n", "labels.csv")
    assert main(["labels", str(table), "--to", "audacity", "--out", str(tmp_path / "tracks")]) == 1
    assert "would be written to" in capsys.readouterr().err
    assert not (tmp_path / "tracks").exists()


def test_update_replaces_the_rows_of_its_recordings_and_keeps_all_others(tmp_path: Path) -> None:
    (tmp_path / "audio" / "day1").mkdir(parents=True)
    for name in ("a", "b"):
        (tmp_path / "audio" / "day1" / f"{name}.wav").touch()
    table = _file(
        tmp_path / "audio",
        "filename\tonset\toffset\tevent_label\tgroup\tsnr_db\na.wav\t1\t2\tpop\thall\t3\n"
        "a.wav\t5\t6\tpop\thall\t4\nday2/c.wav\t1.50\t2\tpop\thall\t7\n",
        "labels.tsv",
    )
    tracks = [_file(tmp_path, "1.25\t2\tpop\n", "a.txt"), _file(tmp_path, "", "b.txt")]
    words = ["labels", *map(str, tracks), "--audio", str(tmp_path / "audio"), "--out", str(table), "--update"]
    assert main(words) == 0
    assert table.read_text().splitlines()[1:] == [
        "day2/c.wav\t1.50\t2\tpop\thall\t7",
        "a.wav\t1.250000\t2.000000\tpop\thall\t",
        "day1/b.wav\t\t\t\t\t",
    ]


def test_update_needs_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    track = _file(tmp_path, "1\t2\tpop\n", "a.txt")
    for words in ([], ["--out", str(tmp_path / "none.tsv")], ["--out", str(track), "--to", "audacity"]):
        assert main(["labels", str(track), "--update", *words]) == 1
        assert "--update changes an existing table" in capsys.readouterr().err


@given(events)
def test_jams_round_trip(tmp_path_factory: pytest.TempPathFactory, written: list[Annotation]) -> None:
    path = _file(tmp_path_factory.mktemp("labels", numbered=True), write_jams(written), "x.jams")
    assert read_jams(path) == {"x": _sorted(written)}


@given(events)
def test_elan_round_trip(tmp_path_factory: pytest.TempPathFactory, written: list[Annotation]) -> None:
    """Times are kept to the millisecond, several blanks become one, and an empty text becomes the name of the tier."""
    path = _file(tmp_path_factory.mktemp("labels", numbered=True), write_elan(written), "x.eaf")
    kept = [
        Annotation(round(e.onset * 1000) / 1000, round(e.offset * 1000) / 1000, " ".join(e.label.split()) or "events")
        for e in written
    ]
    assert read_elan(path) == {"x": _sorted(kept)}


EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT><HEADER><MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/x/big%20hall.wav"/></HEADER>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="a" TIME_VALUE="500"/><TIME_SLOT TIME_SLOT_ID="b" TIME_VALUE="250"/>
<TIME_SLOT TIME_SLOT_ID="c"/></TIME_ORDER>
<TIER TIER_ID="dog"><ANNOTATION>
<ALIGNABLE_ANNOTATION TIME_SLOT_REF1="b" TIME_SLOT_REF2="a"><ANNOTATION_VALUE></ANNOTATION_VALUE></ALIGNABLE_ANNOTATION>
</ANNOTATION><ANNOTATION>
<ALIGNABLE_ANNOTATION TIME_SLOT_REF1="a" TIME_SLOT_REF2="b"><ANNOTATION_VALUE>x</ANNOTATION_VALUE>
</ALIGNABLE_ANNOTATION>
</ANNOTATION><ANNOTATION>
<ALIGNABLE_ANNOTATION TIME_SLOT_REF1="a" TIME_SLOT_REF2="c"><ANNOTATION_VALUE>x</ANNOTATION_VALUE>
</ALIGNABLE_ANNOTATION>
</ANNOTATION></TIER></ANNOTATION_DOCUMENT>"""


def test_elan_takes_the_tier_for_a_label_and_names_bad_annotations_by_line(tmp_path: Path) -> None:
    path = _file(tmp_path, EAF, "x.eaf")
    collected: list[StapesError] = []
    assert read_elan(path, collected) == {"big hall.wav": [Annotation(0.25, 0.5, "dog")]}
    assert [str(error).split(";")[0] for error in collected] == [
        f"{path}:8: onset 0.5 s is after offset 0.25 s",
        f"{path}:11: the annotation has no time (slot 'c')",
    ]
    with pytest.raises(LabelError, match=r"x\.eaf:1: the file is not ELAN's XML"):
        read_elan(_file(tmp_path, "0\t1\tpop\n", "x.eaf"))


def test_jams_reads_scaper_and_names_bad_observations_by_line(tmp_path: Path) -> None:
    observations = [
        {"time": 1.5, "duration": 0.5, "value": {"label": "dog", "role": "foreground"}, "confidence": 1},
        {"time": 0.0, "duration": 9.0, "value": {"label": "park", "role": "background"}, "confidence": 1},
        {"time": 0.5, "duration": 0.1, "value": 4, "confidence": None},
        {"time": -1, "duration": 0.1, "value": "cat", "confidence": None},
        {"time": "soon", "duration": 0.1, "value": "cat", "confidence": None},
    ]
    rows = ",\n".join(json.dumps(each) for each in observations)
    path = _file(tmp_path, '{"annotations": [{"namespace": "scaper", "data": [\n' + rows + "\n]}]}", "x.jams")
    collected: list[StapesError] = []
    assert read_jams(path, collected) == {"x": [Annotation(1.5, 2.0, "dog")]}
    assert [str(error).split(";")[0] for error in collected] == [
        f"{path}:5: onset -1 s lies before the recording begins",
        f"{path}:6: time 'soon' or duration 0.1 is not a number",
    ]
    bad = {
        "{}": ":1: the file is not JAMS",
        '{\n"annotations": [': ":2: the file is not JSON",
        "[" * 100_000: ":1: the file is nested too deeply",
    }
    for text, message in bad.items():
        with pytest.raises(LabelError) as raised:
            read_jams(_file(tmp_path, text, "x.jams"))
        assert f"x.jams{message}" in str(raised.value)


@pytest.mark.parametrize("name", ["../a.wav", "x/../../a.wav", "/a.wav"])
def test_a_name_that_leads_out_of_the_folder_is_refused(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = _file(tmp_path, f"filename,onset,offset,event_label\n{name},1,2,pop\n", "labels.csv")
    assert main(["labels", str(table), "--to", "audacity", "--out", str(tmp_path / "tracks")]) == 1
    assert f"labels.csv:2: {name!r} leads out of" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.csv"]


@pytest.mark.parametrize(("suffix", "text"), [("jams", '{"annotations": %s}'), ("json", '[{"id": %s}]')])
def test_a_number_of_thousands_of_digits_is_an_error_with_a_line(tmp_path: Path, suffix: str, text: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_text(text % ("9" * 5000))
    with pytest.raises(LabelError, match=rf"a\.{suffix}:1: .*exceeds the limit \(4300 digits\)"):
        (read_jams if suffix == "jams" else read_labelstudio)(path)
