"""Label files in the variants found in practice, and as other tools write them."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stapes.firmware_sim.errors import LabelError, StapesError
from stapes.runtime.labels import (
    EVENT_FORMATS,
    Annotation,
    annotation,
    duplicates,
    overlapping,
    read_audacity,
    read_dcase,
    write_audacity,
    write_dcase,
)

microseconds = st.integers(0, 10**10)
labels = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20).map(str.strip)
annotations = st.builds(
    lambda onset, length, label: Annotation(onset / 1e6, (onset + length) / 1e6, label),
    microseconds,
    microseconds,
    labels,
)


def _file(folder: Path, data: bytes | str, name: str = "a.txt") -> Path:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def test_audacity_reads_the_variants_found_in_practice(tmp_path: Path) -> None:
    """Byte-order mark, CRLF, frequency rows, a point label, no text, a decimal comma, an empty line, not in order."""
    text = "\ufeff2.5\t2.5\tpop\r\n\\\t100.0\t4000.0\r\n\r\n0,25\t0,75\tpop\r\n1.0\t1.5\r\n3\t4\tdog bark\tloud\r\n"
    found = read_audacity(_file(tmp_path, text))
    assert found == [
        Annotation(0.25, 0.75, "pop"),
        Annotation(1.0, 1.5, ""),
        Annotation(2.5, 2.5, "pop"),
        Annotation(3.0, 4.0, "dog bark loud"),
    ]
    assert [each.place.rsplit(":", 1)[1] for each in found] == ["4", "5", "1", "6"]


@pytest.mark.parametrize("delimiter", ["\t", ",", ";"])
def test_dcase_reads_any_delimiter_and_keeps_further_columns(tmp_path: Path, delimiter: str) -> None:
    rows = [
        ["event_label", "filename", "onset", "offset", "snr_db", "confidence"],
        ["dog", "a/b.wav", "1.5", "2.5", "-3.5", "0.75"],
        ["", "empty.wav", "", "nan", "", ""],
    ]
    path = _file(tmp_path, "\n".join(delimiter.join(row) for row in rows), "labels.tsv")
    found = read_dcase(path)
    assert found == {"a/b.wav": [Annotation(1.5, 2.5, "dog", 0.75)], "empty.wav": []}
    assert found["a/b.wav"][0].columns["snr_db"] == "-3.5"
    assert found["a/b.wav"][0].place == f"{path}:2"


def test_dcase_reads_decimal_commas_between_semicolons(tmp_path: Path) -> None:
    text = "filename;onset;offset;event_label\na.wav;1,5;2,25;pop\n"
    assert read_dcase(_file(tmp_path, text)) == {"a.wav": [Annotation(1.5, 2.25, "pop")]}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x\t1\tpop", "onset 'x' is not a number"),
        ("nan\t1\tpop", "onset 'nan' is not a number"),
        ("1\tinf\tpop", "offset 'inf' is not a number"),
        ("1\t1e999\tpop", "offset '1e999' is not a number"),
        ("1_0\t20\tpop", "onset '1_0' is not a number"),
        ("2\t1\tpop", "onset 2 s is after offset 1 s; swap them"),
        ("-1\t1\tpop", "onset -1 s lies before the recording begins"),
        ("1.0 2.0 pop", "is not an Audacity label"),
    ],
)
def test_a_bad_audacity_row_is_named_by_file_and_line(tmp_path: Path, line: str, message: str) -> None:
    path = _file(tmp_path, f"0\t1\tgood\n{line}\n3\t4\tgood\n")
    with pytest.raises(LabelError) as raised:
        read_audacity(path)
    assert str(raised.value).startswith(f"{path}:2: ")
    assert message in str(raised.value)
    collected: list[StapesError] = []
    assert [each.onset for each in read_audacity(path, collected)] == [0, 3]
    assert [str(error) for error in collected] == [str(raised.value)]


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("filename\tonset\toffset\na.wav\t1\t2\n", ":1: ", "no column event_label in the header"),
        ("", ":1: ", "no column filename, onset, offset, event_label"),
        ("filename\tonset\toffset\tevent_label\n\t1\t2\tpop\n", ":2: ", "names no file"),
        ("filename\tonset\toffset\tevent_label\na.wav\t1\t\tpop\n", ":2: ", "offset '' is not a number"),
        ("filename,onset,offset,event_label\na.wav,1,5,2,5,pop\n", ":2: ", "6 columns, the header 4"),
        ('filename\tonset\toffset\tevent_label\n"a.wav\t1\t2\tpop\n', ":3: ", "quotation mark is not closed"),
    ],
)
def test_a_bad_table_is_named_by_file_and_line(tmp_path: Path, text: str, place: str, message: str) -> None:
    path = _file(tmp_path, text, "labels.tsv")
    with pytest.raises(LabelError) as raised:
        read_dcase(path)
    assert str(raised.value).startswith(f"{path}{place}")
    assert message in str(raised.value)
    collected: list[StapesError] = []
    read_dcase(path, collected)
    assert [str(error) for error in collected] == [str(raised.value)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"0\t1\tpop\n" + b"1\t2\tno\xebl\n", "a.txt:2: the file is not UTF-8 but another encoding"),
        ("0\t1\tpop\n".encode("utf-16"), "a.txt:1: the file is not UTF-8 but UTF-16"),
        (b"0\t1\tpop\n0\t\x001\tpop\n", "a.txt:2: the line contains zero bytes"),
    ],
)
def test_another_encoding_is_named_by_file_and_line(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(LabelError, match="save it again as UTF-8") as raised:
        read_audacity(_file(tmp_path, data))
    assert message in str(raised.value)


def test_a_file_of_100_mb_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("the file was read"))
    with pytest.raises(LabelError, match=r"huge\.txt: 105 MB is too large for a label file"):
        read_audacity(path)
    assert annotation.MAX_LABEL_BYTES < 100 * 1024 * 1024


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="cannot be read"):
        read_audacity(tmp_path / "none.txt")


@given(st.lists(annotations))
def test_audacity_round_trip(tmp_path_factory: pytest.TempPathFactory, written: list[Annotation]) -> None:
    path = tmp_path_factory.mktemp("labels", numbered=True) / "a.txt"
    path.write_text(write_audacity(written), encoding="utf-8")
    assert read_audacity(path) == sorted(written, key=lambda each: (each.onset, each.offset, each.label))


names = labels.filter(bool)


@given(st.dictionaries(names, st.lists(annotations, max_size=5), max_size=5))
def test_dcase_round_trip(tmp_path_factory: pytest.TempPathFactory, written: dict[str, list[Annotation]]) -> None:
    """A recording without events keeps a row, which tells it from one that was not annotated."""
    path = tmp_path_factory.mktemp("labels", numbered=True) / "labels.tsv"
    path.write_text(write_dcase(written), encoding="utf-8")
    assert read_dcase(path) == written


def test_a_label_that_a_format_cannot_hold_is_refused() -> None:
    with pytest.raises(LabelError, match="choose another name"):
        write_audacity([Annotation(0, 1, "two\nlines")])


def test_each_event_format_prints_a_header_and_rows() -> None:
    event = Annotation(1.25, 2.5, 'a "b", c', 0.5)
    printed = {name: form.header + form.row("x.wav", event) for name, form in EVENT_FORMATS.items()}
    assert printed["audacity"] == '1.250000\t2.500000\ta "b", c\n'
    assert printed["csv"] == 'filename,onset,offset,event_label,confidence\nx.wav,1.250,2.500,"a ""b"", c",0.500\n'
    assert printed["dcase"].splitlines()[0] == "filename\tonset\toffset\tevent_label"
    assert json.loads(printed["jsonl"]) == {
        "filename": "x.wav",
        "onset": 1.25,
        "offset": 2.5,
        "event_label": 'a "b", c',
        "confidence": 0.5,
    }


def test_printed_dcase_events_read_back(tmp_path: Path) -> None:
    form, event = EVENT_FORMATS["dcase"], Annotation(1.25, 2.5, 'a "b", c')
    path = _file(tmp_path, form.header + form.row("x.wav", event), "events.tsv")
    assert read_dcase(path) == {"x.wav": [event]}


def test_duplicates_and_overlaps_are_found() -> None:
    rows = [
        Annotation(0, 5, "a"),
        Annotation(1, 2, "a"),
        Annotation(1, 2, "b"),
        Annotation(4, 6, "a"),
        Annotation(6, 7, "a"),
    ]
    assert duplicates([*rows, rows[1]]) == [rows[1]]
    assert overlapping(rows) == [(rows[0], rows[1]), (rows[0], rows[3])]
