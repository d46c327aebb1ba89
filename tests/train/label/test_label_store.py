"""The editor of label files: what is changed is what was meant, and everything else stays byte for byte.

The referee of what a file says is `stapes.train.data.dataset` and the readers of `stapes.runtime.labels`; that of what
stays is the file's own bytes.
"""

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stapes.firmware_sim.errors import DatasetError, LabelError
from stapes.runtime.labels import read_audacity, read_dcase
from stapes.train.data.dataset import inspect_dataset
from stapes.train.label.label_store import Change, Event, LabelConflictError, LabelStore, UnknownRecordingError


def _recording(path: Path, seconds: float = 20.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(int(seconds * 100), np.int16), 100, subtype="PCM_16")
    return path


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    for name in ("a.wav", "b.wav", "c.wav"):
        _recording(tmp_path / name)
    return tmp_path


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


MOVE = Change(Event(1.5, 2.0, "bark"), Event(1.75, 2.25, "bark"))


def test_a_change_rewrites_its_own_cells_and_no_other_byte(dataset: Path) -> None:
    before = (
        b"\xef\xbb\xbffilename\tsnr\tonset\toffset\tevent_label\tnote\r\n"
        b'a.wav\t 12.0 \t1.5\t2.0\tbark\t "so" \r\n'
        b"\r\n"
        b"b.wav\t3\t1.500\t0:02\tmeow\tx\n"
        b"a.wav\t\t4\t5\tbark\t"
    )
    table = _written(dataset / "labels.tsv", before)
    LabelStore(dataset).change("a.wav", [MOVE])
    assert table.read_bytes() == before.replace(b"\t1.5\t2.0\tbark", b"\t1.75\t2.25\tbark")


def test_commas_quotes_and_decimal_commas_stay_as_they_are(dataset: Path) -> None:
    before = b'event_label;filename;"Note";onset;offset\n"bark";a.wav;"one; ""two""";1,5;2\nmeow;"b.wav";;3,25;4\n'
    table = _written(dataset / "labels.csv", before)
    store = LabelStore(dataset)
    store.change("a.wav", [MOVE])
    assert table.read_bytes() == before.replace(b";1,5;2\n", b";1,75;2,25\n")
    store.change("b.wav", [Change(Event(3.25, 4.0, "meow"), Event(3.25, 4.0, 'a "loud"; meow'))])
    assert table.read_bytes().splitlines()[2] == b'"a ""loud""; meow";"b.wav";;3,25;4'


def test_a_row_over_several_lines_stays_one(dataset: Path) -> None:
    before = b'filename,onset,offset,event_label,note\na.wav,1.5,2.0,bark,"two\r\nlines"\na.wav,7,8,bark,\n'
    table = _written(dataset / "labels.csv", before)
    LabelStore(dataset).change("a.wav", [MOVE, Change(Event(7, 8, "bark"), None)])
    assert table.read_bytes() == b'filename,onset,offset,event_label,note\na.wav,1.75,2.25,bark,"two\r\nlines"\n'


def test_a_label_track_keeps_its_frequency_ranges(dataset: Path) -> None:
    before = b"1.500000\t2.000000\tbark\r\n\\\t100.0\t200.0\r\n4.000000\t5.000000\tbark\r\n\\\t1\t2"
    track = _written(dataset / "a.txt", before)
    store = LabelStore(dataset)
    store.change("a.wav", [MOVE])
    assert track.read_bytes() == before.replace(b"1.500000\t2.000000", b"1.750000\t2.250000")
    store.change("a.wav", [Change(Event(4, 5, "bark"), None)])
    assert track.read_bytes() == b"1.750000\t2.250000\tbark\r\n\\\t100.0\t200.0"
    store.change("a.wav", [Change(None, Event(4, 5, "bark"))])
    assert track.read_bytes() == before.replace(b"1.500000\t2.000000", b"1.750000\t2.250000"), "with its range again"


def test_the_first_label_of_a_recording_makes_a_track_and_its_undo_removes_it(dataset: Path) -> None:
    store, event = LabelStore(dataset), Event(1.0, 1.0, "bark")
    assert store.read("a.wav").place.kind == "none"
    store.change("a.wav", [Change(None, event)])
    assert (dataset / "a.txt").read_bytes() == b"1.000000\t1.000000\tbark\n"
    assert sorted(each.name for each in dataset.iterdir() if not each.name.startswith(".")) == [
        "a.txt", "a.wav", "b.wav", "c.wav",
    ]  # fmt: skip
    store.change("a.wav", [Change(event, None)])
    assert not (dataset / "a.txt").exists(), "the recording is not annotated, as before"


def test_a_track_that_was_there_is_left_empty_which_says_that_there_is_no_event(dataset: Path) -> None:
    _written(dataset / "a.txt", b"1.5\t2.0\tbark\n")
    LabelStore(dataset).change("a.wav", [Change(Event(1.5, 2.0, "bark"), None)])
    assert (dataset / "a.txt").read_bytes() == b""


def test_a_new_track_of_one_of_two_recordings_with_one_stem_has_its_whole_name(dataset: Path) -> None:
    _recording(dataset / "a.flac")
    LabelStore(dataset).change("a.wav", [Change(None, Event(1.0, 2.0, "bark"))])
    _recording(dataset / "sub" / "b.wav")
    LabelStore(dataset).change("sub/b.wav", [Change(None, Event(1.0, 2.0, "meow"))])
    found, errors = inspect_dataset(dataset)
    assert not errors
    assert {each.name: [e.label for e in each.annotations] for each in found.recordings} == {
        "a.wav": ["bark"],
        "sub/b.wav": ["meow"],
    }


def test_a_new_row_of_a_table_is_in_its_recordings_group_and_in_the_order_of_time(dataset: Path) -> None:
    table = _written(
        dataset / "labels.tsv",
        b"filename\tonset\toffset\tevent_label\tgroup\tsource\n"
        b"a\t1.50\t2.00\tbark\tyard\tdog1\na\t7.00\t8.00\tbark\tyard\tdog1\nb.wav\t1.00\t2.00\tmeow\t\t\n",
    )
    store = LabelStore(dataset)
    store.change("a.wav", [Change(None, Event(4.125, 5.0, "bark"))])
    assert table.read_bytes().splitlines()[2] == b"a\t4.125\t5.00\tbark\tyard\t"
    store.change("c.wav", [Change(None, Event(4, 5, "bark"))])
    assert table.read_bytes().splitlines()[-1] == b"c.wav\t4.00\t5.00\tbark\t\t"


def test_the_last_label_of_a_recording_leaves_a_row_that_says_so_and_keeps_its_group(dataset: Path) -> None:
    before = b"filename\tonset\toffset\tevent_label\tgroup\na.wav\t1.5\t2.0\tbark\tyard\n"
    table = _written(dataset / "labels.tsv", before)
    store = LabelStore(dataset)
    store.change("a.wav", [Change(Event(1.5, 2.0, "bark"), None)])
    assert table.read_bytes() == b"filename\tonset\toffset\tevent_label\tgroup\na.wav\t\t\t\tyard\n"
    assert store.read("a.wav").is_listed
    store.change("a.wav", [Change(None, Event(1.5, 2.0, "bark"))])
    assert table.read_bytes() == before


def test_empty_and_unlabelled_are_written_and_taken_back(dataset: Path) -> None:
    store = LabelStore(dataset)
    store.mark_empty("a.wav")
    assert (dataset / "a.txt").read_bytes() == b""
    store.mark_unlabelled("a.wav")
    assert not (dataset / "a.txt").exists()
    before = b"filename\tonset\toffset\tevent_label\tgroup\nb.wav\t1.5\t2.0\tbark\tyard\nc.wav\t\t\t\tyard\n"
    table = _written(dataset / "labels.tsv", before)
    store = LabelStore(dataset)
    store.mark_empty("a.wav")
    store.mark_empty("a.wav")
    assert table.read_bytes() == before + b"a.wav\t\t\t\t\n"
    assert not read_dcase(table)["a.wav"]
    store.mark_unlabelled("a.wav")
    assert table.read_bytes() == before
    with pytest.raises(LabelConflictError, match="has 1 labels"):
        store.mark_empty("b.wav")
    with pytest.raises(LabelError, match="its group"):
        store.mark_unlabelled("c.wav")
    assert table.read_bytes() == before


def test_changes_are_all_made_or_none(dataset: Path) -> None:
    before = b"1.5\t2.0\tbark\n"
    track = _written(dataset / "a.txt", before)
    store = LabelStore(dataset)
    with pytest.raises(LabelConflictError, match="any more; another program") as conflict:
        store.change("a.wav", [MOVE, Change(Event(9, 10, "meow"), None)])
    assert track.read_bytes() == before
    assert conflict.value.events
    for bad in (Event(3, 2, "bark"), Event(-1, 2, "bark"), Event(1, 2, " "), Event(1, 2, "a\tb"), Event(1, 2, "\\x")):
        with pytest.raises(LabelError):
            store.change("a.wav", [MOVE, Change(None, bad)])
        assert track.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.tsv", b"filename\tonset\toffset\tevent_label\na.wav\t1.5\t2.0\tbark\na.wav\tx\t2\tbark\n"),
        ("labels.tsv", b"filename\tonset\toffset\na.wav\t1.5\t2.0\n"),
        ("labels.csv", b'filename,onset,offset,event_label\na.wav,1.5,2.0,"bark\n'),
        ("labels.csv", b""),
        ("a.txt", b"1.5\t2.0\tbark\nnonsense\n"),
        ("a.txt", b"\xff\xfe1.5\t2.0\tbark\n"),
    ],
)
def test_a_malformed_file_is_an_error_with_its_line_and_is_never_written(
    dataset: Path, name: str, content: bytes
) -> None:
    path = _written(dataset / name, content)
    store = LabelStore(dataset)
    for use in (lambda: store.read("a.wav"), lambda: store.change("a.wav", [MOVE])):
        with pytest.raises(LabelError, match=rf"{name}:\d+"):
            use()
    assert path.read_bytes() == content


def test_two_tables_and_an_unknown_recording_are_errors(dataset: Path) -> None:
    header = b"filename\tonset\toffset\tevent_label\n"
    _written(dataset / "labels.tsv", header)
    _written(dataset / "labels.csv", header)
    with pytest.raises(DatasetError, match="not clear which one counts"):
        LabelStore(dataset).change("a.wav", [Change(None, Event(1, 2, "bark"))])
    for name in ("none.wav", "../a.wav", "/etc/passwd", ""):
        with pytest.raises(UnknownRecordingError):
            LabelStore(dataset).read(name)


def test_what_another_program_writes_is_read_before_it_is_changed(dataset: Path) -> None:
    track = _written(dataset / "a.txt", b"1.5\t2.0\tbark\n")
    store = LabelStore(dataset)
    assert len(store.read("a.wav").events) == 1
    _written(track, b"0.5\t0.7\tmeow\n1.5\t2.0\tbark\n")
    assert [each.label for each in store.read("a.wav").events] == ["meow", "bark"]
    store.change("a.wav", [MOVE])
    assert track.read_bytes() == b"0.5\t0.7\tmeow\n1.75\t2.25\tbark\n"


def test_a_file_that_changes_between_reading_and_writing_is_read_again(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    track = _written(dataset / "a.txt", b"1.5\t2.0\tbark\n")
    parse, interfered = LabelStore._parse, []

    def interfering(store: LabelStore, *arguments: object) -> object:
        parsed = parse(store, *arguments)  # type: ignore[arg-type]
        if not interfered:
            interfered.append(_written(track, b"1.5\t2.0\tbark\n9\t9.5\tmeow\n"))
        return parsed

    monkeypatch.setattr(LabelStore, "_parse", interfering)
    LabelStore(dataset).change("a.wav", [MOVE])
    assert track.read_bytes() == b"1.75\t2.25\tbark\n9\t9.5\tmeow\n"


def test_two_writers_at_once_lose_nothing(dataset: Path) -> None:
    table = _written(dataset / "labels.tsv", b"filename\tonset\toffset\tevent_label\n")
    failed: list[BaseException] = []

    def write(recording: str, label: str) -> None:
        try:
            store = LabelStore(dataset)
            for second in range(15):
                store.change(recording, [Change(None, Event(second, second + 0.5, label))])
                if second % 3 == 0:
                    store.change(recording, [Change(Event(second, second + 0.5, label), Event(second, second, label))])
        except BaseException as error:
            failed.append(error)

    writers = [threading.Thread(target=write, args=each) for each in (("a.wav", "x"), ("a.wav", "y"), ("b.wav", "x"))]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    assert not failed
    read = read_dcase(table)
    assert sorted((each.onset, each.label) for each in read["a.wav"]) == sorted(
        (second, label) for second in range(15) for label in ("x", "y")
    )
    assert len(read["b.wav"]) == 15
    assert sum(each.onset == each.offset for each in read["a.wav"]) == 10


def test_each_split_has_its_own_table_and_the_datasets_counts_for_the_others(dataset: Path) -> None:
    _recording(dataset / "train" / "a.wav")
    _recording(dataset / "val" / "v.wav")
    header = b"filename\tonset\toffset\tevent_label\n"
    train = _written(dataset / "train" / "labels.tsv", header)
    shared = _written(dataset / "labels.csv", header)
    store, event = LabelStore(dataset), Event(1, 2, "bark")
    for name in ("train/a.wav", "val/v.wav", "a.wav"):
        store.change(name, [Change(None, event)])
    assert train.read_bytes() == header + b"a.wav\t1.000000\t2.000000\tbark\n"
    assert shared.read_bytes() == header + b"val/v.wav\t1.000000\t2.000000\tbark\na.wav\t1.000000\t2.000000\tbark\n"


def test_labels_are_shown_as_they_stand_and_those_that_count_for_nothing_apart(dataset: Path) -> None:
    _written(dataset / "label_map.tsv", b"label\tclass\nwuff\tbark\nnoise\t\n")
    _written(dataset / "a.txt", b"1\t2\twuff\n3\t4\tnoise\n5\t6\n")
    labels = LabelStore(dataset).read("a.wav")
    assert [each.label for each in labels.events] == ["wuff", ""]
    assert [each.label for each in labels.ignored] == ["noise"]
    assert LabelStore(dataset).classes() == ["wuff"]


def test_the_file_keeps_its_permissions_and_a_link_stays_one(dataset: Path) -> None:
    real = _written(dataset / "kept.tsv", b"filename\tonset\toffset\tevent_label\na.wav\t1.5\t2.0\tbark\n")
    real.chmod(0o664)
    (dataset / "labels.tsv").symlink_to("kept.tsv")
    LabelStore(dataset).change("a.wav", [MOVE])
    assert (dataset / "labels.tsv").is_symlink()
    assert real.stat().st_mode & 0o777 == 0o664
    assert b"\t1.75\t" in real.read_bytes()


LABELS = st.sampled_from(["bark", "meow", "a b", 'say "x"', "näher", "x;y,z", '"q"'])
TIMES = st.sampled_from(["0", "0.0", "1.25", "3.000000", "0:04.5", "7,5", "9.123456", "11.10"])


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, bytes]:
    """Return the name and content of a table of a.wav and b.wav, written in one of many ways."""
    mark = draw(st.sampled_from("\t;,"))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    header = draw(st.permutations(["filename", "onset", "Offset", "event_label", "snr", "note"]))
    rows = []
    for _ in range(draw(st.integers(0, 8))):
        onset, offset = sorted(draw(st.tuples(TIMES, TIMES)), key=_seconds)
        values = {
            "filename": draw(st.sampled_from(["a.wav", "b.wav", "./a.wav"])),
            "onset": onset,
            "Offset": offset,
            "event_label": draw(LABELS),
            "snr": draw(st.sampled_from(["", "12.5", " 3 "])),
            "note": draw(st.sampled_from(["", "text", 'with "quotes"', f"a{mark}b", "two\nlines"])),
        }
        cells = [values[name] for name in header]
        always = draw(st.booleans())
        rows.append(
            mark.join(f'"{c.replace(chr(34), chr(34) * 2)}"' if always or _needs(c, mark) else c for c in cells)
        )
        if draw(st.integers(0, 5)) == 0:
            rows.append("")
    text = end.join([mark.join(header), *rows]) + (end if draw(st.booleans()) else "")
    bom = "\ufeff" if draw(st.booleans()) else ""
    return draw(st.sampled_from(["labels.tsv", "labels.csv"])), (bom + text).encode()


@st.composite
def tracks(draw: st.DrawFn) -> tuple[str, bytes]:
    """Return the name and content of a label track of a.wav."""
    end = draw(st.sampled_from(["\n", "\r\n"]))
    lines = []
    for _ in range(draw(st.integers(0, 8))):
        onset, offset = sorted(draw(st.tuples(TIMES, TIMES)), key=_seconds)
        lines.append(f"{onset}\t{offset}\t{draw(LABELS)}")
        if draw(st.booleans()):
            lines.append("\\\t100.5\t200")
        if draw(st.integers(0, 5)) == 0:
            lines.append("")
    return "a.txt", (end.join(lines) + (end if lines and draw(st.booleans()) else "")).encode()


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def _needs(cell: str, mark: str) -> bool:
    return any(each in cell for each in (mark, '"', "\n", ","))


def _seconds(text: str) -> float:
    minutes, _, seconds = text.rpartition(":")
    return 60 * float(minutes or 0) + float(seconds.replace(",", "."))


@st.composite
def edits(draw: st.DrawFn) -> tuple[str, int, Event]:
    onset = draw(st.integers(0, 12_000_000)) / 1e6
    length = draw(st.sampled_from([0.0, 0.25, 1.0]))
    return draw(st.sampled_from(["add", "remove", "move", "name"])), draw(st.integers(0, 99)), Event(
        onset, round(onset + length, 6), draw(LABELS)
    )  # fmt: skip


def _meant(edit: tuple[str, int, Event], there: list[Event]) -> Change | None:
    """Return the change that an edit means for these events."""
    kind, number, event = edit
    if kind == "add":
        return Change(None, event)
    if not there:
        return None
    before = there[number % len(there)]
    if kind == "remove":
        return Change(before, None)
    return Change(before, event if kind == "move" else Event(before.onset, before.offset, event.label))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=st.one_of(tables(), tracks()), script=st.lists(edits(), max_size=6))
def test_random_changes_do_what_they_say_keep_all_other_rows_and_undo_to_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, file: tuple[str, bytes], script: list[tuple[str, int, Event]]
) -> None:
    folder = tmp_path_factory.mktemp("random")
    for name in ("a.wav", "b.wav"):
        shutil.copyfile(_silence(tmp_path_factory), folder / name)
    path, before = _written(folder / file[0], file[1]), file[1]
    read = _read_track if file[0] == "a.txt" else _read_table
    store = LabelStore(folder)
    done: list[tuple[Change, bytes]] = []
    expected = [Event.of(each) for each in _all(store)]
    for edit in script:
        change = _meant(edit, expected)
        if change is None or (change.after and change.after.key in [each.key for each in expected]):
            continue
        done.append((change, path.read_bytes()))
        store.change("a.wav", [change])
        if change.before:
            expected.remove(next(each for each in expected if each.key == change.before.key))
        if change.after:
            expected.append(change.after)
        assert sorted(each.key for each in expected) == sorted(read(path)), "what a reader of the file finds"
        gone = _lines(done[-1][1]) - _lines(path.read_bytes())
        assert len(gone) <= 2, "the row that was changed, and the last line, if it got a line end"
    for change, bytes_then in reversed(done):
        store.change("a.wav", [Change(change.after, change.before)])
        assert sorted(_lines(path.read_bytes())) == sorted(_lines(bytes_then)), "every row as it was"
    assert path.read_bytes() == before or sorted(path.read_bytes().splitlines()) == sorted(before.splitlines())


_made: dict[str, Path] = {}


def _silence(factory: pytest.TempPathFactory) -> Path:
    if "silence" not in _made:
        _made["silence"] = _recording(factory.mktemp("silence") / "x.wav")
    return _made["silence"]


def _all(store: LabelStore) -> list:
    labels = store.read("a.wav")
    return labels.events + labels.ignored


def _read_track(path: Path) -> list:
    return [Event.of(each).key for each in read_audacity(path)]


def _read_table(path: Path) -> list:
    read = read_dcase(path)
    return [Event.of(each).key for name, events in read.items() if name.endswith("a.wav") for each in events]


def _lines(data: bytes) -> set[bytes]:
    return set(data.splitlines())
