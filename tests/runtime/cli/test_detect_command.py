"""`stapes detect`: a table of events, complete or not written at all."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_detector import noise_bursts

from stapes.firmware_sim.device.events import SILENT
from stapes.firmware_sim.device.folder import read_folder
from stapes.runtime.detector import Detector
from stapes.runtime.labels import read_audacity, read_dcase
from stapes.runtime.main import main


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two files of different kinds, two hisses in the first and a rumble in the second."""
    folder = tmp_path_factory.mktemp("recordings")
    soundfile.write(folder / "a.flac", noise_bursts(5.0, [(1.0, 1.6, "hiss"), (3.0, 4.0, "hiss")]), 16_000)
    soundfile.write(folder / "b.wav", noise_bursts(3.0, [(1.0, 2.0, "rumble")], rate=44_100), 44_100)
    return [folder / "a.flac", folder / "b.wav"]


def _detect(detector: Path, *words: object) -> int:
    return main(["detect", str(detector), *map(str, words)])


def test_events_of_all_recordings_on_stdout(
    tiny_detector: Path, recordings: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _detect(tiny_detector, *recordings) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["filename", "onset", "offset", "event_label"]
    assert [(name, label) for name, _, _, label in lines[1:]] == [
        ("a.flac", "hiss"),
        ("a.flac", "hiss"),
        ("b.wav", "rumble"),
    ]


def test_written_tables_are_read_back_as_the_detectors_events(
    tiny_detector: Path, recordings: list[Path], tmp_path: Path
) -> None:
    events = Detector.load(tiny_detector).detect(recordings[0])
    expected = [(event.onset, event.offset, event.label) for event in events]
    for layout, read in (("audacity", read_audacity), ("dcase", lambda path: read_dcase(path)["a.flac"])):
        out = tmp_path / f"events.{layout}"
        assert _detect(tiny_detector, recordings[0], "--format", layout, "--out", out) == 0
        rows = [(row.onset, row.offset, row.label) for row in read(out)]
        assert rows == [
            (pytest.approx(onset, abs=6e-4), pytest.approx(offset, abs=6e-4), label)
            for onset, offset, label in expected
        ]


def test_a_sensitivity_moves_the_thresholds_of_its_class_and_is_said(
    tiny_detector: Path, recordings: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    detector = Detector.load(tiny_detector)
    detector.set_sensitivity("hiss", -40)
    assert detector.detect(recordings[0]) == []
    detector.set_sensitivity("hiss", 0)
    assert len(detector.detect(recordings[0])) == 2
    out = tmp_path / "events.csv"
    assert _detect(tiny_detector, *recordings, "--sensitivity", "hiss=-40", "--format", "csv", "--out", out) == 0
    assert "rumble" in out.read_text()
    assert "hiss" not in out.read_text()
    assert "hiss: sensitivity -40, an event begins at a probability of 1.00 instead of" in capsys.readouterr().err


def test_it_is_said_that_no_sensitivity_makes_a_silent_class_heard(
    tiny_detector: Path, recordings: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = read_folder(tiny_detector)
    silent = tmp_path / "silent.stapes"
    replace(folder, events=(folder.events[0], SILENT)).write_copy(silent)
    words = ["--sensitivity", "hiss=40", "--sensitivity", "rumble=1", "--format", "csv"]
    assert _detect(silent, *recordings, *words, "--out", tmp_path / "events.csv") == 0
    assert "hiss" not in (tmp_path / "events.csv").read_text()
    said = capsys.readouterr().err
    assert (
        "hiss is silent in this detector, and sensitivity does not change that; `stapes tune NAME.stapes recordings/ "
        "--threshold hiss=P` makes it heard" in said
    )
    assert "hiss: sensitivity +40" not in said
    assert "rumble: sensitivity +1, an event begins at a probability of" in said


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["hiss"], "--sensitivity hiss: need a class and a whole number of steps"),
        (["hiss=0.5"], "--sensitivity hiss=0.5: need a class and a whole number of steps"),
        (["hiss=1", "hiss=2"], "--sensitivity hiss=2: hiss has +1 already"),
        (["pop=1"], "no class is called 'pop': choose from rumble, hiss"),
    ],
)
def test_a_sensitivity_that_cannot_be_set_is_one_line(
    tiny_detector: Path, recordings: list[Path], given: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word for each in given for word in ("--sensitivity", each)]
    assert _detect(tiny_detector, *recordings, *words) == 1
    assert named in _error(capsys)


def _error(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    return line


def test_an_existing_output_is_kept_without_force(
    tiny_detector: Path, recordings: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "events.tsv"
    out.write_text("mine")
    assert _detect(tiny_detector, recordings[0], "--out", out) == 1
    assert "events.tsv exists already" in _error(capsys)
    assert out.read_text() == "mine"
    assert _detect(tiny_detector, recordings[0], "--out", out, "--force") == 0
    assert out.read_text().startswith("filename\tonset")


@pytest.mark.parametrize("layout", ["csv", "dcase", "jsonl"])
def test_an_unreadable_recording_is_named_and_the_others_are_heard_as_in_a_folder(
    tiny_detector: Path, recordings: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], layout: str
) -> None:
    (tmp_path / "cut.flac").write_bytes(recordings[0].read_bytes()[:20_000])
    bad = np.full(16_000, 0.1, np.float32)
    bad[-9:] = np.nan
    soundfile.write(tmp_path / "nan.wav", bad, 16_000, subtype="FLOAT")
    os.mkfifo(tmp_path / "fifo.wav")
    out, alone = tmp_path / "events", tmp_path / "alone"
    unreadable = [tmp_path / name for name in ("cut.flac", "nan.wav", "fifo.wav")]
    assert _detect(tiny_detector, *unreadable, *recordings, "--out", out, "--format", layout) == 1
    message = capsys.readouterr().err
    assert "3 of the recordings could not be read" in message
    assert all(path.name in message for path in unreadable)
    assert _detect(tiny_detector, *recordings, "--out", alone, "--format", layout) == 0
    lines = [line.replace("data/", "") for line in out.read_text().splitlines()]
    assert len(lines) == len(alone.read_text().splitlines()) >= 3


def test_nothing_is_written_when_no_recording_can_be_read(
    tiny_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.wav").write_text("<!DOCTYPE html><html>")
    out = tmp_path / "events.csv"
    assert _detect(tiny_detector, tmp_path / "a.wav", tmp_path / "b.wav", "--out", out, "--format", "csv") == 1
    assert "a.wav: cannot be read as audio (it is a text" in (line := _error(capsys))
    assert line.endswith("(1 more cannot be read either)")
    assert not out.exists()


@pytest.mark.parametrize("layout", ["csv", "dcase", "jsonl"])
def test_recordings_of_one_name_stay_apart(
    tiny_detector: Path, recordings: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], layout: str
) -> None:
    for folder in ("monday", "tuesday"):
        (tmp_path / folder).mkdir()
        shutil.copy(recordings[0], tmp_path / folder / "a.flac")
    files = [tmp_path / folder / "a.flac" for folder in ("monday", "tuesday")]
    assert _detect(tiny_detector, *files, "--format", layout) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum("monday/a.flac" in line for line in lines) == sum("tuesday/a.flac" in line for line in lines) == 2


def test_a_recording_that_is_given_twice_is_refused(
    tiny_detector: Path, recordings: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    again = recordings[0].parent / ".." / recordings[0].parent.name / recordings[0].name
    assert _detect(tiny_detector, recordings[0], again) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.endswith(f"{again}: is given twice; name each recording once\n")


def test_one_channel_can_be_chosen_for_files_and_for_a_folder(
    tiny_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left, right = noise_bursts(3.0, [(1.0, 1.6, "hiss")]), noise_bursts(3.0, [(1.0, 2.0, "rumble")])
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "two.wav", np.stack([left, right], axis=1), 16_000)
    for channel, label in ((1, "hiss"), (2, "rumble")):
        assert _detect(tiny_detector, tmp_path / "in" / "two.wav", "--channel", channel) == 0
        assert {line.split("\t")[3] for line in capsys.readouterr().out.splitlines()[1:]} == {label}
    out = tmp_path / "events.csv"
    assert _detect(tiny_detector, tmp_path / "in", "--channel", 2, "--jobs", 1, "--out", out) == 0
    assert "rumble" in out.read_text()
    assert "hiss" not in out.read_text()
    assert _detect(tiny_detector, tmp_path / "in" / "two.wav", "--channel", 3) == 1
    assert "has channels 1 to 2, not 3; correct --channel" in capsys.readouterr().err


def test_audio_that_is_not_read_is_named_with_the_command_that_converts_it(
    tiny_detector: Path, recordings: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(recordings[0], tmp_path / "in" / "a.flac")
    (tmp_path / "in" / "phone.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(99))
    assert _detect(tiny_detector, tmp_path / "in", "--jobs", 1, "--out", tmp_path / "events.csv") == 0
    message = capsys.readouterr().err
    assert "1 file is audio that is not read and left out (phone.m4a)" in message
    assert "ffmpeg -i phone.m4a phone.flac" in message


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["nowhere.wav"], "nowhere.wav: no such recording"),
        (["{a}", "{b}", "--format", "audacity"], "holds the events of one recording, got 2"),
        (["{a}", "--out", "no/such/folder.tsv"], "does not exist"),
    ],
)
def test_a_command_that_cannot_work_prints_one_line(
    tiny_detector: Path, recordings: list[Path], capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    filled = [word.format(a=recordings[0], b=recordings[1]) for word in words]
    assert _detect(tiny_detector, *filled) == 1
    assert complaint in _error(capsys)


def test_a_recording_is_not_a_detector(recordings: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert _detect(recordings[0], recordings[1]) == 1
    assert _error(capsys).endswith(f"{recordings[0]}: is a file; name the detector's folder")
