"""Library code logs; only the command line prints the log and draws progress."""

import io
import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stapes.runtime.console import Progress, shown
from stapes.runtime.main import main

LIBRARY = """
import sys
from pathlib import Path
from stapes.runtime import Detector
from stapes.runtime.batch.detect import EventTable, detect_files

out = Path(sys.argv[3])
detect_files(Detector.load(sys.argv[1], "litert"), [Path(sys.argv[2])], EventTable(out, "csv"))
"""


@pytest.fixture
def loud(tmp_path: Path) -> Path:
    """A recording that is resampled, which is information, and clipped, which is a warning."""
    path = tmp_path / "loud.wav"
    soundfile.write(path, np.tile(np.repeat(np.float32([1.5, -1.5]), 24), 1000), 48_000, subtype="FLOAT")
    return path


def test_a_program_that_configures_nothing_sees_warnings_only(tiny_detector: Path, loud: Path) -> None:
    out = loud.with_name("out.csv")
    done = subprocess.run(
        [sys.executable, "-c", LIBRARY, tiny_detector, loud, out], capture_output=True, text=True, check=True
    )
    assert out.exists()
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{loud}: ")
    assert line.endswith("samples were louder than full scale and were clipped")


def test_the_command_line_shows_information_warnings_and_progress(
    tiny_detector: Path, loud: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stapes.runtime.audio.file._said", set())
    assert main(["detect", str(tiny_detector), str(loud)]) == 0
    resampled, warning, *progress = capsys.readouterr().err.splitlines()
    assert resampled == "48000 Hz resampled to 16000 Hz (first in loud.wav)"
    assert warning.startswith(f"note: {loud}: ")
    assert progress[-1].startswith("detect: 1 recordings, 0.0 minutes in ")


def test_a_command_leaves_the_log_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("stapes")
    before = logger.level, list(logger.handlers)
    assert main(["detect", "none.stapes", "none.wav"]) == 1
    assert (logger.level, logger.handlers) == before


def test_modules_of_every_folder_can_log(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("stapes.firmware_sim.machines.emulator")
    logger.info("not seen")
    with shown(), shown():
        logger.info("information")
        logger.warning("a warning")
    assert capsys.readouterr().err == "information\nnote: a warning\n"


def test_a_record_is_printed_once_although_a_library_installed_a_handler_for_all_loggers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """TensorFlow's converter does so; without care every note of `stapes train` stands there twice."""
    elsewhere = io.StringIO()
    handler = logging.StreamHandler(elsewhere)
    logging.getLogger().addHandler(handler)
    try:
        with shown():
            logging.getLogger("stapes.train").info("once")
        logging.getLogger("stapes.train").warning("to whoever configured logging")
    finally:
        logging.getLogger().removeHandler(handler)
    assert capsys.readouterr().err == "once\n"
    assert elsewhere.getvalue() == "to whoever configured logging\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_a_note_is_printed_above_the_line_of_the_running_task(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with shown():
        progress = Progress("detect", 2)
        progress._interval_s = 0.0
        progress.advance()
        logging.getLogger("stapes").warning("a note")
        progress.advance()
        progress.close("2 recordings")
    # what a terminal shows: a carriage return and "erase line" begin a line anew
    lines = [line.rsplit("\r\033[K", 1)[-1] for line in screen.getvalue().split("\n")]
    assert lines == ["note: a note", "detect: 2 recordings in 0.0 s", ""]


def test_the_name_of_a_file_does_not_command_the_terminal(
    tiny_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Escape sequences, and the single characters by which some terminals begin them, are shown as text."""
    names = ["\x1b]0;owned\x07.wav", "\x9b31m.wav", "a\rerror.wav"]
    for name in names:
        (tmp_path / name).write_bytes(b"not audio")
    assert main(["detect", str(tiny_detector), *(str(tmp_path / name) for name in names)]) == 1
    assert main(["detect", str(tiny_detector), str(tmp_path), "--out", str(tmp_path / "e.csv"), "--jobs", "1"]) == 1
    shown = capsys.readouterr().err
    assert not set(shown) & {"\x1b", "\x07", "\x9b", "\r"}
    assert "\\x1b]0;owned\\x07.wav" in shown


def test_programs_read_progress_notes_and_errors_as_lines_of_json(
    tiny_detector: Path, loud: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stapes.runtime.audio.file._said", set())
    assert main(["--progress", "json", "detect", str(tiny_detector), str(loud)]) == 0
    resampled, warning, *others = map(json.loads, capsys.readouterr().err.splitlines())
    assert resampled == {"kind": "info", "text": "48000 Hz resampled to 16000 Hz (first in loud.wav)"}
    assert (warning["kind"], warning["text"].startswith(str(loud))) == ("warning", True)
    (progress,) = (each for each in others if each["kind"] == "progress")
    assert {each: progress[each] for each in ("done", "of", "of_all")} == {"done": 1, "of": 1, "of_all": False}
    assert [each["kind"] for each in others[-2:]] == ["done", "end"]
    assert others[-1]["exit_code"] == 0


def test_programs_read_why_a_command_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--progress", "json", "detect", str(tmp_path / "none.stapes"), "yard.flac"]) == 1
    error, end = map(json.loads, capsys.readouterr().err.splitlines())
    assert (error["kind"], str(tmp_path / "none.stapes") in error["text"]) == ("error", True)
    assert end == {"kind": "end", "exit_code": 1}
