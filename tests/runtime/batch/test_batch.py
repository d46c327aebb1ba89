"""`stapes detect` on a folder: the same table for any number of workers, and recordings that cannot be read."""

import csv
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
import soundfile
from season import detect_words, finished, write_season
from tiny_detector import write_tiny_detector

from stapes.firmware_sim.errors import OutputError
from stapes.runtime.batch.hearing import Job, Outcome, hear_recordings, install
from stapes.runtime.batch.journal import Journal
from stapes.runtime.batch.listing import RecordingFile, list_recordings
from stapes.runtime.batch.recording_times import StartClock
from stapes.runtime.batch.tracks import Check
from stapes.runtime.batch.workers import hear_all, in_groups
from stapes.runtime.detector import Detector
from stapes.runtime.labels import Annotation, read_audacity, read_dcase, read_raven
from stapes.runtime.main import main

PATTERN = ("--start-pattern", "%Y%m%d_%H%M%S")


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_season(tmp_path_factory.mktemp("season"), 7, 3.0)


@pytest.fixture(scope="module")
def table(tiny_detector: Path, season: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table of a run that was not interrupted."""
    out = tmp_path_factory.mktemp("out") / "events.csv"
    assert main(detect_words(tiny_detector, season, out, "--jobs", 1, *PATTERN)) == 0
    return out


@pytest.fixture
def copy(season: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(season, tmp_path / "copy"))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))


def _error(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    return line


def test_rows_vs_the_detector_on_each_recording(tiny_detector: Path, season: Path, table: Path) -> None:
    detector = Detector.load(tiny_detector, "litert")
    expected = [
        (path.relative_to(season).as_posix(), f"{event.onset:.3f}", f"{event.offset:.3f}", event.label)
        for path in sorted(season.rglob("*.flac"))
        for event in detector.detect(path)
    ]
    rows = _rows(table)
    assert [(row["filename"], row["onset"], row["offset"], row["event_label"]) for row in rows] == expected
    assert len(expected) == 7
    assert sum(map(len, read_dcase(table).values())) == 7, "it is a table that the rest of stapes can read"
    assert not table.with_name("events.csv.progress").exists()


def test_every_table_holds_utc_times(table: Path) -> None:
    first = _rows(table)[0]
    assert first["filename"] == "north/R_20240501_000000.flac"
    assert first["utc"] == f"2024-05-01T00:00:{float(first['onset']):06.3f}Z"
    files = _rows(table.with_name("events.files.csv"))
    assert [row["utc"] for row in files][:2] == ["2024-05-01T00:00:00.000Z", "2024-05-01T00:02:00.000Z"]
    assert {(row["seconds"], row["events"], row["per_minute"], row["problem"]) for row in files} == {
        ("3.000", "1", "20.000", "")
    }
    (hour,) = _rows(table.with_name("events.hours.csv"))
    assert (hour["hour"], hour["minutes"], hour["events"]) == ("2024-05-01T00:00+00:00", "0.35", "7")
    assert (hour["rumble"], hour["hiss"]) == ("3", "4")


def test_two_processes_a_url_and_a_tsv_hold_the_same(
    tiny_detector: Path, season: Path, table: Path, tmp_path: Path
) -> None:
    out = tmp_path / "events.tsv"
    assert main(detect_words(tiny_detector, f"file://{season}", out, "--jobs", 2, *PATTERN)) == 0
    assert _rows(out) == _rows(table)


def test_the_recording_of_an_incomplete_line_is_processed_again_and_no_other(
    tiny_detector: Path, copy: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / "bad.wav").write_bytes(b"not audio")
    out, journal = tmp_path / "events.csv", tmp_path / "events.csv.progress"
    assert main(detect_words(tiny_detector, copy, out, "--jobs", 1, *PATTERN)) == 1
    journal.write_bytes(journal.read_bytes()[:-40].rsplit(b"\n", 2)[0] + b'\n{"found":{"na')
    held = journal.read_bytes().count(b'"error":""')
    assert 4 <= held < 7
    (copy / "bad.wav").unlink()
    capsys.readouterr()
    assert main(detect_words(tiny_detector, copy, out, "--jobs", 1, *PATTERN)) == 0
    assert f"continuing: {held} of 7 recordings are done" in capsys.readouterr().err
    assert out.read_bytes() == table.read_bytes()


def test_unreadable_recordings_are_listed_and_only_those_are_tried_again(
    tiny_detector: Path, copy: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = (copy / "north" / "R_20240501_000000.flac").read_bytes()
    (copy / "north" / "R_20240501_000000.flac").write_bytes(whole[:20_000])
    (copy / "zero.wav").write_bytes(b"")
    (copy / "text.WAV").write_text("dear diary")
    soundfile.write(copy / "header.wav", np.zeros(0, np.int16), 16_000)
    Path(os.fsdecode(bytes(copy) + b"/caf\xe9.wav")).write_bytes(b"")
    (copy / "._hidden.wav").write_text("left out")
    out = tmp_path / "events.csv"
    assert main(detect_words(tiny_detector, copy, out, "--jobs", 2, *PATTERN)) == 1
    message = capsys.readouterr().err
    assert "5 files or folders could not be read" in message
    assert "header.wav: the file contains no sound" in message
    assert "caf\\udce9.wav': the name is not UTF-8" in message
    assert "north/R_20240501_000000.flac: " in message
    assert [row["problem"] != "" for row in _rows(out.with_name("events.files.csv"))].count(True) == 4
    assert len(_rows(out)) == 6

    (copy / "north" / "R_20240501_000000.flac").write_bytes(whole)
    for name in ("zero.wav", "text.WAV", "header.wav", os.fsdecode(b"caf\xe9.wav")):
        (copy / name).unlink()
    assert main(detect_words(tiny_detector, copy, out, "--jobs", 1, *PATTERN)) == 0
    assert "continuing: 6 of 7 recordings are done" in capsys.readouterr().err
    assert out.read_bytes() == table.read_bytes()
    assert main(detect_words(tiny_detector, copy, out, *PATTERN)) == 1
    assert "events.csv exists already" in _error(capsys)


def test_recordings_with_hostile_headers_are_named_and_the_others_are_heard(
    tiny_detector: Path,
    copy: Path,
    table: Path,
    hostile_cases: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The referee is the table of the same recordings without the hostile ones."""
    bad = [shutil.copy(hostile_cases / name, copy / name) for name in ("zero.au", "rf64a.wav")]
    out = tmp_path / "events.csv"
    assert main(detect_words(tiny_detector, copy, out, "--jobs", 1, *PATTERN)) == 1
    assert out.read_bytes() == table.read_bytes()
    problems = {row["filename"]: row["problem"] for row in _rows(out.with_name("events.files.csv")) if row["problem"]}
    assert problems.keys() == {"rf64a.wav", "zero.au"}
    assert problems["rf64a.wav"].startswith("the file is cut off: 4000 of")
    assert "which cannot be right" in problems["zero.au"]
    capsys.readouterr()
    good = sorted(copy.rglob("*.flac"))
    assert main(["detect", str(tiny_detector), *map(str, [*bad, *good])]) == 1
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 1 + 7
    assert all(f"{path}: {problems[Path(path).name]}" in captured.err for path in bad)


def test_a_recording_that_was_deleted_or_changed_does_not_count_as_done(
    tiny_detector: Path, copy: Path, tmp_path: Path
) -> None:
    recordings, _ = list_recordings(str(copy))
    Path(recordings[0].place).unlink()
    job = Job.of(tiny_detector, "litert", StartClock(), names_host=False)
    install(job)
    gone, there = hear_recordings(job.hash, recordings[:2])
    assert "no such" in gone.error.lower()
    assert there.events
    journal = Journal(tmp_path / "journal", {}, afresh=False)
    journal.add([gone, there])
    os.utime(recordings[1].place)
    again, _ = list_recordings(str(copy))
    assert journal.holds(recordings[1])
    assert not journal.holds(again[0]), "changed since then"
    assert not journal.holds(recordings[0]), "could not be read"
    journal.close()


def test_another_detector_for_a_half_done_output_is_refused_with_both_hashes(
    tiny_detector: Path, copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / "zero.wav").write_bytes(b"")
    out, other = tmp_path / "events.csv", write_tiny_detector(tmp_path / "other.stapes").path
    text = (other / "detector.json").read_text()
    (other / "detector.json").write_text(text.replace('"merge_gap_steps": 2', '"merge_gap_steps": 3'))
    assert main(detect_words(tiny_detector, copy, out, "--jobs", 1)) == 1
    capsys.readouterr()
    assert main(detect_words(other, copy, out)) == 1
    line = _error(capsys)
    for detector in (tiny_detector, other):
        assert Job.of(detector, "litert", StartClock(), names_host=False).hash in line
    assert main(detect_words(tiny_detector, copy, out, "--time-zone", "Asia/Tokyo")) == 1
    assert "begun with time zone UTC, now it is Asia/Tokyo" in _error(capsys)
    assert main(detect_words(other, copy, out, "--force", "--jobs", 1)) == 1
    assert "continuing" not in capsys.readouterr().err


def test_a_folder_is_searched_with_the_sensitivity_that_is_named_and_continued_only_with_it(
    tiny_detector: Path, copy: Path, tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, words = tmp_path / "events.csv", ("--jobs", 1, *PATTERN)
    assert {row["event_label"] for row in _rows(table)} == {"hiss", "rumble"}
    (copy / "zero.wav").write_bytes(b"")  # so that the journal remains
    assert main(detect_words(tiny_detector, copy, out, *words, "--sensitivity", "hiss=-40")) == 1
    assert {row["event_label"] for row in _rows(out)} == {"rumble"}
    capsys.readouterr()
    assert main(detect_words(tiny_detector, copy, out, *words)) == 1
    assert "begun with sensitivity hiss=-40, now it is none" in _error(capsys)


def test_a_second_run_into_the_same_output_is_refused(
    tiny_detector: Path, season: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = Journal(tmp_path / "events.csv.progress", {}, afresh=False)
    for words in ([], ["--force"]):
        assert main(detect_words(tiny_detector, season, tmp_path / "events.csv", *words)) == 1
        assert "another run is writing this file" in _error(capsys)
    first.close()
    assert main(detect_words(tiny_detector, season, tmp_path / "events.csv", "--jobs", 1)) == 0


def test_tracks_open_in_raven_and_audacity_and_corrected_ones_stay(
    tiny_detector: Path, copy: Path, tmp_path: Path
) -> None:
    (copy / "zero.wav").write_bytes(b"")
    out = tmp_path / "events.csv"
    assert main(detect_words(tiny_detector, copy, out, "--jobs", 1, "--tracks", "raven")) == 1
    row = _rows(out)[0]
    path = tmp_path / "events.tracks" / f"{row['filename']}.Table.1.selections.txt"
    ((event,),) = read_raven(path).values()
    assert (f"{event.onset:.3f}", f"{event.offset:.3f}", event.label) == (row["onset"], row["offset"], "rumble")
    assert event.columns["Confidence"] == row["confidence"]
    path.write_text("mine")
    (copy / "zero.wav").unlink()
    assert main(detect_words(tiny_detector, copy, out, "--jobs", 1, "--tracks", "audacity")) == 0
    assert path.read_text() == "mine"
    (event,) = read_audacity(tmp_path / "events.tracks" / f"{row['filename']}.txt")
    assert event.label == f"rumble {float(row['confidence']):.2f}"
    assert main(detect_words(tiny_detector, copy, out, "--force", "--tracks", "raven")) == 1, (
        "tracks are never replaced"
    )


def test_the_surest_and_the_most_doubtful_events_are_listed_and_the_only_ones_in_the_tracks(
    tiny_detector: Path, season: Path, table: Path, tmp_path: Path
) -> None:
    out = tmp_path / "events.csv"
    words = ("--jobs", 1, *PATTERN, "--check", 1, "--tracks", "raven")
    assert main(detect_words(tiny_detector, season, out, *words)) == 0
    assert out.read_bytes() == table.read_bytes()
    listed = _rows(tmp_path / "events.check.csv")
    for label in ("hiss", "rumble"):
        ranked = sorted(
            (row for row in _rows(out) if row["event_label"] == label), key=lambda row: -float(row["confidence"])
        )
        rows = [row for row in listed if row["event_label"] == label]
        assert [row["check"] for row in rows] in (["surest"], ["surest", "doubtful"])
        assert rows[0]["confidence"] == ranked[0]["confidence"]
        assert rows[-1]["confidence"] == ranked[-1]["confidence"]
        assert all(row in ranked for row in ({name: row[name] for name in ranked[0]} for row in rows))
    tracks = {path.relative_to(tmp_path / "events.tracks").as_posix() for path in tmp_path.rglob("*.selections.txt")}
    assert tracks == {f"{row['filename']}.Table.1.selections.txt" for row in listed}


def test_in_a_class_with_few_events_none_is_listed_twice() -> None:
    check = Check(2)
    confidences = (0.5, 0.9, 0.9, 0.7)
    check.add(([str(at)], Annotation(at, at + 1, "owl", confidence)) for at, confidence in enumerate(confidences[:3]))
    check.add([(["3"], Annotation(3, 4, "owl", confidences[3]))])
    assert [(why, row[0]) for why, row, _ in check.chosen()] == [
        ("surest", "1"),
        ("surest", "2"),
        ("doubtful", "0"),
        ("doubtful", "3"),
    ]
    check = Check(5)
    check.add([(["0"], Annotation(0, 1, "owl", 0.5))])
    assert [why for why, _, _ in check.chosen()] == ["surest"]


def test_linked_folders_are_searched_once(season: Path, tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    (top / "disk").symlink_to(season)
    (top / "again").symlink_to(season / "north")
    (top / "loop").symlink_to(top)
    found, problems = list_recordings(str(top))
    assert not problems
    assert len(found) == 7
    assert {each.name.rsplit("/", 1)[0] for each in found} == {"again", "disk/south"}


def test_a_picture_is_drawn(tiny_detector: Path, season: Path, tmp_path: Path) -> None:
    words = ("--jobs", 1, *PATTERN, "--plot", tmp_path / "events.png")
    assert main(detect_words(tiny_detector, season, tmp_path / "events.csv", *words)) == 0
    assert (tmp_path / "events.png").read_bytes().startswith(b"\x89PNG")


def test_a_full_disk_is_an_error_of_one_line_and_the_run_can_be_continued(tmp_path: Path) -> None:
    import resource

    outcomes = [
        Outcome(RecordingFile(f"{number}.wav", f"/{number}.wav", 1, "1"), 1.0, events=[(0, 16, "hiss", 0.5)] * 20)
        for number in range(20)
    ]
    journal = Journal(tmp_path / "journal", {}, afresh=False)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, hard))
        with pytest.raises(OutputError, match="make room and run the same command again"):
            for outcome in outcomes:
                journal.add([outcome])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    held = len(journal)
    assert 0 < held < 20
    journal.close()
    journal = Journal(tmp_path / "journal", {}, afresh=False)
    assert len(journal) == held
    journal.add(outcomes)
    assert [outcome.found.name for outcome in journal.outcomes(f"{n}.wav" for n in range(20))] == [
        outcome.found.name for outcome in outcomes
    ]
    assert finished(tmp_path / "journal") == 20
    journal.close()


@pytest.fixture
def forbidden(season: Path) -> Iterator[Path]:
    """A season with a folder that cannot be listed, and a process that is not root."""
    if os.geteuid() != 0:
        pytest.skip("becomes another user, which only root can")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        (Path(folder) / "closed").mkdir(mode=0o700)
        shutil.copy(next(season.rglob("*.flac")), folder)
        os.seteuid(65534)
        try:
            yield Path(folder)
        finally:
            os.seteuid(0)


def test_a_folder_that_cannot_be_listed_is_named(forbidden: Path) -> None:
    found, problems = list_recordings(str(forbidden))
    assert len(found) == 1
    assert problems == [f"{forbidden}/closed: cannot be listed (Permission denied); check the permissions"]


class _FragileWorkers:
    """Workers that die of every group that contains the recording `poison`."""

    died = (BrokenProcessPool,)
    count = 2

    def __init__(self, poison: str) -> None:
        self.poison, self.deaths = poison, 0

    def executor(self) -> "_FragileWorkers":
        return self

    def renew(self) -> None:
        self.deaths += 1

    def close(self) -> None:
        pass

    def submit(self, _function: object, _job: str, group: Sequence[RecordingFile]) -> "Future[list[Outcome]]":
        future: Future[list[Outcome]] = Future()
        if any(found.name == self.poison for found in group):
            future.set_exception(BrokenProcessPool())
        else:
            future.set_result([Outcome(found) for found in group])
        return future


def test_a_recording_that_kills_its_worker_does_not_affect_the_others(tiny_detector: Path) -> None:
    recordings = [RecordingFile(f"{number}", f"/{number}", 10, "") for number in range(50)]
    groups, workers = in_groups(recordings, 2), _FragileWorkers("31")
    assert 2 < len(groups) < 25
    job = Job.of(tiny_detector, "litert", StartClock(), names_host=False)
    outcomes = [outcome for some in hear_all(job, groups, workers) for outcome in some]  # type: ignore[arg-type]
    assert sorted(outcome.found.name for outcome in outcomes) == sorted(found.name for found in recordings)
    assert [outcome.found.name for outcome in outcomes if outcome.error] == ["31"]
    assert workers.deaths == 2, "once in its group, once by itself"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["{season}"], "name a table with --out EVENTS.csv"),
        (["{season}", "--out", "{tmp}/e.txt"], "written as .csv or .tsv"),
        (["{season}", "--out", "{tmp}/e.csv", "--format", "dcase"], "leave out --format"),
        (["{season}", "{season}", "--out", "{tmp}/e.csv"], "or one folder"),
        (["{season}", "--out", "{tmp}/no/e.csv"], "does not exist"),
        (["{season}", "--out", "{tmp}/e.csv", "--jobs", "0"], "must be at least 1"),
        (
            ["{season}", "--out", "{tmp}/e.csv", "--jobs", "2", "--scheduler", "tcp://localhost:1"],
            "leave out one of them",
        ),
        (["{season}", "--out", "{tmp}/e.csv", "--scheduler", "bogus"], "write PROTOCOL://HOST:PORT"),
        (["{season}", "--out", "{tmp}/e.csv", "--scheduler", ""], "write PROTOCOL://HOST:PORT"),
        (["{season}", "--out", "{tmp}/e.csv", "--scheduler", "http://h:80"], "write PROTOCOL://HOST:PORT"),
        (["{season}", "--out", "{tmp}/e.csv", "--scheduler", "tcp://h:99999"], "write PROTOCOL://HOST:PORT"),
        (["{season}", "--out", "{tmp}/e.csv", "--scheduler", "tcp://[::1"], "write PROTOCOL://HOST:PORT"),
        (["{season}", "--out", "{tmp}/e.csv", "--scheduler", "none.invalid:8786"], "no machine has the name"),
        (["{season}", "--out", "{tmp}/e.csv", "--start-pattern", "%Y"], "year, day and hour"),
        (["{season}/north/R_20240501_000000.flac", "--jobs", "2"], "--jobs is for a folder"),
        (["{season}", "--out", "{tmp}/e.csv", "--check", "0"], "--check 0: must be at least 1"),
        (["{season}", "--out", "{tmp}/e.csv", "--plot", "{tmp}/e.xls"], "no picture can be written with this suffix"),
        (["{tmp}", "--out", "{tmp}/e.csv"], "no recordings in it"),
        (["nope://x/y", "--out", "{tmp}/e.csv"], "cannot be read here"),
    ],
)
def test_a_command_that_cannot_work_prints_one_line(
    tiny_detector: Path,
    season: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    complaint: str,
) -> None:
    assert main(["detect", str(tiny_detector), *(word.format(season=season, tmp=tmp_path) for word in words)]) == 1
    assert complaint in _error(capsys)
    assert not list(tmp_path.iterdir())
