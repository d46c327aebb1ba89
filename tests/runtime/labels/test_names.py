"""Names in label files find their own recording or an error: never another recording, and never two for one."""

import json
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stapes.firmware_sim.errors import LabelError
from stapes.runtime.labels import Annotation, read_dcase, read_labelstudio, read_raven
from stapes.runtime.labels.names import RecordingNames, name_of_file, shortest_names
from stapes.runtime.main import main

RAVEN = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tAnnotation\n"
HEADER = "filename\tonset\toffset\tevent_label\n"
TOP = Path("/recordings")

# Few letters, so that names often begin, end or read alike; é as one character and as two.
word = st.text(st.sampled_from("a1.-_"), min_size=1, max_size=4).filter(lambda text: text.strip(".") == text)
word |= st.sampled_from(["20240601-050000", "5678.240601", "5678", "caf\u00e9", "cafe\u0301"])
paths = st.lists(word, min_size=1, max_size=3).map("/".join)


def _folder(*names: str) -> RecordingNames:
    return RecordingNames(TOP, [TOP / name for name in names])


@given(st.sets(paths, min_size=1, max_size=8), st.lists(paths, min_size=1, max_size=8))
def test_a_name_finds_a_recording_of_its_own_name_or_is_an_error(there: set[str], wanted: list[str]) -> None:
    recordings = _folder(*(f"{each}.wav" for each in there))
    for name in wanted:
        try:
            found = recordings.find(f"{name}.wav")
        except LabelError:
            continue
        base = unicodedata.normalize("NFC", f"{name}.wav".rsplit("/", 1)[-1])
        assert unicodedata.normalize("NFC", found.name) == base


@given(st.sets(paths, min_size=1, max_size=8))
def test_every_recording_is_found_by_its_whole_path(there: set[str]) -> None:
    """Two names that differ only in their form of Unicode are the same name, and neither is found."""
    recordings = _folder(*(f"{each}.wav" for each in there))
    forms = [unicodedata.normalize("NFC", each) for each in there]
    for each in there:
        if forms.count(unicodedata.normalize("NFC", each)) > 1:
            with pytest.raises(LabelError, match="2 recordings below"):
                recordings.find(f"{each}.wav")
        else:
            assert recordings.find(f"{each}.wav") == TOP / f"{each}.wav"


@given(st.sets(paths, min_size=1, max_size=6), st.lists(paths, min_size=2, max_size=6, unique=True))
def test_two_names_never_mean_the_same_recording(there: set[str], wanted: list[str]) -> None:
    """Unless one of them is the end of the other."""
    recordings, taken = _folder(*(f"{each}.wav" for each in there)), dict[Path, list[str]]()
    for name in wanted:
        try:
            taken.setdefault(recordings.find(f"{name}.wav"), []).append(unicodedata.normalize("NFC", name))
        except LabelError:
            continue
    for names in taken.values():
        longest = max(names, key=len)
        assert all(f"/{longest}".endswith(f"/{name}") for name in names)


@given(st.sets(word, min_size=1, max_size=6), word)
def test_a_table_goes_to_the_recording_it_is_named_after(there: set[str], table: str) -> None:
    recordings = _folder(*(f"{each}.wav" for each in there))
    try:
        found = recordings.find_for(Path(f"/tables/{table}.Table.1.selections.txt"))
    except LabelError:
        return
    stem, name = (unicodedata.normalize("NFC", each) for each in (found.stem, table))
    assert name == stem or (name.startswith(f"{stem}.") and not any(sign.isdigit() for sign in name[len(stem) :]))


@given(st.sets(st.lists(word, min_size=1, max_size=3).map("/".join), max_size=8), st.sampled_from(["/", "\\"]))
def test_shortened_names_stay_apart_with_slashes_of_either_kind(whole: set[str], slash: str) -> None:
    short = shortest_names(f"{slash}x{slash}{path.replace('/', slash)}" for path in whole)
    assert len(set(short.values())) == len(whole)
    assert all(path.replace(slash, "/").endswith(name) for path, name in short.items())


@pytest.mark.parametrize(
    ("file", "recording"),
    [
        ("5678.240601050000.Table.1.selections.txt", "5678.240601050000"),
        ("a.b.selections.txt", "a.b"),
        ("dawn.BirdNET.selection.table.txt", "dawn"),
        ("a.wav.txt", "a.wav"),
        ("a.v2.txt", "a.v2"),
        ("20240601-050000.TXT", "20240601-050000"),
    ],
)
def test_only_what_a_tool_appends_is_taken_off_the_name_of_a_table(file: str, recording: str) -> None:
    assert name_of_file(Path(file)) == recording


def _audio(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def _table(path: Path, rows: str = "1\tS\t1\t1\t2\t0\t9\tdog\n") -> Path:
    path.write_text(RAVEN + rows)
    return path


def _rows(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()[1:]]


def test_tables_of_recordings_with_dots_in_their_names_keep_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["5678.240601050000", "5678.240601060000"]
    tables = [str(_table(tmp_path / f"{name}.Table.1.selections.txt")) for name in names]
    one, both = (_audio(tmp_path / folder, *there) for folder, there in [("one", [f"{names[0]}.wav"]), ("both", [])])
    _audio(both, *(f"{name}.wav" for name in names))
    assert main(["labels", *tables, "--audio", str(both)]) == 0
    assert _rows(capsys) == [f"{name}.wav" for name in names]
    assert main(["labels", *tables, "--audio", str(one)]) == 1
    assert f"{tables[1]}: 0 recordings below {one} are called '{names[1]}'" in capsys.readouterr().err
    short = _audio(tmp_path / "short", "5678.wav")
    assert main(["labels", *tables, "--audio", str(short)]) == 1
    assert "begins as 5678.wav does, but '.240601050000' may name another recording; say which one is meant with " in (
        capsys.readouterr().err
    )
    assert main(["labels", tables[0], "--audio", str(short), "--recording", "5678.wav"]) == 0
    assert _rows(capsys) == ["5678.wav"]


def test_a_table_may_have_words_behind_the_name_of_its_recording_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = _table(tmp_path / "x.1.final.selections.txt")
    assert main(["labels", str(table), "--audio", str(_audio(tmp_path / "audio", "x.wav", "x.1.wav"))]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1].startswith("x.1.wav\t")
    assert f"{table}: taken for the labels of x.1.wav" in printed.err


def test_labels_of_two_folders_with_the_same_names_are_not_merged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """day1/a.txt and day2/a.txt are labels of two recordings, also when only one of the recordings is there."""
    tracks = [tmp_path / day / "a.txt" for day in ("day1", "day2")]
    for track in tracks:
        track.parent.mkdir()
        track.write_text("1\t2\tpop\n")
    words = ["labels", *map(str, tracks)]
    assert main(words) == 1
    assert f"labels of 'a' were read from {tracks[0].parent} already" in capsys.readouterr().err
    lone = _audio(tmp_path / "lone", "a.wav")
    assert main([*words, "--audio", str(lone)]) == 1
    assert "both fit only a.wav, and the labels of two recordings would be merged" in capsys.readouterr().err
    assert main([*words, "--audio", str(_audio(tmp_path / "all", "day1/a.wav", "day2/a.wav"))]) == 0
    assert _rows(capsys) == ["day1/a.wav", "day2/a.wav"]


def test_a_name_with_other_folders_is_found_by_its_file_name_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "labels.tsv"
    table.write_text(HEADER + "C:\\field\\day9\\a.wav\t1\t2\tpop\n")
    assert main(["labels", str(table), "--audio", str(_audio(tmp_path / "audio", "day1/a.wav"))]) == 0
    assert "1 names match by file name only, in another folder; check: C:\\field\\day9\\a.wav is day1/a.wav" in (
        capsys.readouterr().err
    )
    table.write_text(table.read_text() + "day1/a.wav\t3\t4\tpop\n")
    assert main(["labels", str(table), "--audio", str(tmp_path / "audio")]) == 1
    assert f"{table}:3: 'day1/a.wav' and 'C:/field/day9/a.wav' both fit only" in capsys.readouterr().err


def test_several_candidates_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audio = _audio(tmp_path / "audio", "x/a.wav", "y/a.wav", "A.WAV")
    table = tmp_path / "labels.tsv"
    table.write_text(HEADER + "a.wav\t1\t2\tpop\n")
    assert main(["labels", str(table), "--audio", str(audio)]) == 1
    assert "2 recordings below" in (printed := capsys.readouterr().err)
    assert "(x/a.wav, y/a.wav); write its folder and suffix, too, or say which one is meant with --recording" in printed
    table.write_text(HEADER + "B.wav\t1\t2\tpop\n")
    _audio(audio, "b.flac")
    assert main(["labels", str(table), "--audio", str(audio)]) == 1
    assert "0 recordings below" in (printed := capsys.readouterr().err)
    assert "is b.flac meant?" in printed


def test_the_option_recording_is_for_one_file_with_labels_of_one_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "labels.tsv"
    table.write_text(HEADER + "a.wav\t1\t2\tpop\nb.wav\t1\t2\tpop\n")
    assert main(["labels", str(table), "--recording", "a.wav"]) == 1
    assert "has labels of 2 recordings (a.wav, b.wav), but --recording names one" in capsys.readouterr().err
    assert main(["labels", str(table), str(table), "--recording", "a.wav"]) == 1
    assert "--recording names the recording of one label file, not of 2" in capsys.readouterr().err


def test_100_000_names_are_found_in_seconds() -> None:
    names = [f"day{i % 300}/{i}.wav" for i in range(100_000)]
    began = time.process_time()
    recordings = _folder(*names)
    assert all(recordings.find(f"{i}") == TOP / name for i, name in enumerate(names))
    assert time.process_time() - began < 10


def _task(audio: str, label: str = "dog", **further: object) -> dict[str, object]:
    value = {"start": 1, "end": 2, "channel": 0, "labels": [label]}
    result = {"id": "r", "type": "labels", "value": value}
    return {"data": {"audio": audio}, "annotations": [{"result": [result]}], **further}


def _export(folder: Path, *tasks: dict[str, object]) -> Path:
    (folder / "x.json").write_text("[" + ",\n".join(map(json.dumps, tasks)) + "]")
    return folder / "x.json"


@pytest.mark.parametrize(
    ("audio", "name"),
    [
        ("/data/local-files/?d=rec/20240601-050000.wav", "20240601-050000.wav"),
        ("s3://bucket/20240601-050000.wav", "20240601-050000.wav"),
        ("/data/upload/1/0123abcd-20240601-050000.wav", "20240601-050000.wav"),
        ("http://host:8080/data/upload/1/0123abcd-a.wav", "a.wav"),
    ],
)
def test_only_an_uploaded_file_loses_its_prefix(tmp_path: Path, audio: str, name: str) -> None:
    assert list(read_labelstudio(_export(tmp_path, _task(audio)))) == [name]


def test_two_recordings_of_an_export_with_the_same_name_keep_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    local = [_task(f"/data/local-files/?d=rec/{day}/a.wav", day) for day in ("day1", "day2")]
    assert list(read_labelstudio(_export(tmp_path, *local))) == ["day1/a.wav", "day2/a.wav"]
    audio = _audio(tmp_path / "audio", "day2/a.wav", "day1/a.wav")
    assert main(["labels", str(_export(tmp_path, *local)), "--audio", str(audio)]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "day1/a.wav\t1.000000\t2.000000\tday1"
    uploads = [_task(f"/data/upload/1/{prefix}-a.wav") for prefix in ("0123abcd", "89abcdef")]
    with pytest.raises(LabelError, match=r"x\.json:2: 'a\.wav' is the name of another recording at .*x\.json:1, too"):
        read_labelstudio(_export(tmp_path, *uploads))
    assert list(read_labelstudio(_export(tmp_path, uploads[0], uploads[0]))) == ["a.wav"]


@pytest.mark.parametrize(("slash", "root"), [("/", ""), ("\\", "C:")])
def test_the_files_of_a_table_over_several_are_found_by_their_paths(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], slash: str, root: str
) -> None:
    """BirdNET's combined table; its row `nocall` says that nothing was found in a recording."""
    header = RAVEN.strip().replace("Annotation", "Common Name\tSpecies Code\tConfidence\tBegin Path\tFile Offset (s)")
    rows = "1\tS\t1\t3\t6\t0\t9\twren\twren1\t0.9\t/in/day1/a.wav\t3\n"
    rows += "2\tS\t1\t63\t66\t0\t9\trobin\trob\t0.8\t/in/day2/a.wav\t3\n"
    rows += "3\tS\t1\t120\t123\t0\t9\tnocall\tnocall\t1\t/in/day2/b.wav\t0\n"
    table = tmp_path / "BirdNET_SelectionTable.txt"
    table.write_text(f"{header}\n{rows.replace('/in/', root + '/in/').replace('/', slash)}")
    assert read_raven(table) == {
        "day1/a.wav": [Annotation(3, 6, "wren")],
        "day2/a.wav": [Annotation(3, 6, "robin")],
        "b.wav": [],
    }
    audio = _audio(tmp_path / "audio", "day1/a.wav", "day2/a.wav", "day2/b.wav")
    assert main(["labels", str(table), "--audio", str(audio)]) == 0
    assert _rows(capsys) == ["day1/a.wav", "day2/a.wav", "day2/b.wav"]


def test_a_name_typed_elsewhere_matches_a_file_from_a_mac(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mac = unicodedata.normalize("NFD", "café.wav")
    table = tmp_path / "labels.tsv"
    table.write_text(HEADER + unicodedata.normalize("NFC", "café.wav") + "\t1\t2\tpop\n", encoding="utf-8")
    assert main(["labels", str(table), "--audio", str(_audio(tmp_path / "audio", mac))]) == 0
    assert _rows(capsys) == [mac]


def test_columns_of_tables_are_found_whatever_their_case_and_cells_are_as_written(tmp_path: Path) -> None:
    table = _table(tmp_path / "a.selections.txt", '1\tS\t1\t1.0\t2.0\t0\t9\t"dog" far\n')
    table.write_text(table.read_text().replace("Begin Time (s)", "Begin time(s)"))
    assert read_raven(table) == {"a": [Annotation(1, 2, '"dog" far')]}
    sheet = tmp_path / "sheet.tsv"
    sheet.write_text('Filename\tOnset\tOffset\tEvent_Label\tGroup\n"a ""b"".wav"\t0:01:02.5\t1:03\t5" disk\thall\n')
    assert read_dcase(sheet) == {'a "b".wav': [Annotation(62.5, 63, '5" disk')]}
    assert read_dcase(sheet)['a "b".wav'][0].columns == {"group": "hall"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("filename,onset,offset,event_label,event_label\n", ":1: the header has the column 'event_label' 2 times"),
        ("audio,id,label,annotator,annotation_id,lead_time\n", ":1: no column .*; this is Label Studio's CSV"),
        ("YTID,start_seconds,end_seconds,positive_labels\n", ":1: no column .*; this is AudioSet's"),
        (
            "# Segments csv\n# YTID, start_seconds, end_seconds, positive_labels\n",
            "; this is AudioSet's",
        ),
        ("2.3,4.5,1,siren\n", ":1: no column .*; these are times without a header, as UrbanSound's"),
        ("slice_file_name,fsID,start,end,salience,fold,classID,class\n", "; this is UrbanSound8K's table"),
        ("fname,labels,mids,split\n", "; this is FSD50K's table"),
        ("filename,event_labels\n", "; this is DESED's table of weak labels"),
        ("filename,onset,offset,event_label\na.wav,0:75:00,1:80:00,x\n", ":2: onset '0:75:00' has more than 59"),
    ],
)
def test_a_table_that_cannot_be_read_is_named_with_the_nearest_way(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(LabelError, match=message):
        read_dcase(tmp_path / "x.csv")
