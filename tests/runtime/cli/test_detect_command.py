"""`stapes detect`: a table of events, complete or not written at all."""

from pathlib import Path

import pytest
import soundfile
from tiny_detector import noise_bursts

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


def test_an_unreadable_recording_prints_one_line_and_leaves_no_partial_output(
    tiny_detector: Path, recordings: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cut.flac").write_bytes(recordings[0].read_bytes()[:20_000])
    out = tmp_path / "events.csv"
    assert _detect(tiny_detector, *recordings, tmp_path / "cut.flac", "--out", out, "--format", "csv") == 1
    assert "cut.flac" in _error(capsys)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.flac"]


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
    assert "no such detector folder" in _error(capsys)
