"""A command that the studio starts outlives it: a later studio follows it, stops it, and knows how it ended."""

import os
import signal
import time
from pathlib import Path

import pytest
import soundfile
from tiny_detector import noise_bursts

from stapes.firmware_sim.errors import ConfigError
from stapes.train.studio.command_run import CommandRun, Said, State


def ended(run: CommandRun, seconds: float = 60.0) -> tuple[State, Said]:
    """How a run ended; AssertionError when it goes on for too long."""
    deadline = time.monotonic() + seconds
    while (status := run.status())[0] == "running":
        assert time.monotonic() < deadline, status
        time.sleep(0.05)
    return status


def test_before_anything_was_started_the_run_is_idle(tmp_path: Path) -> None:
    run = CommandRun(tmp_path / "run")
    assert run.status() == ("idle", Said())
    run.stop()
    assert not (tmp_path / "run").exists()


def test_a_finished_command_leaves_its_output_and_what_it_said(tiny_detector: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", noise_bursts(3.0, [(1.0, 1.5, "hiss")]), 16_000)
    run = CommandRun(tmp_path / "run")
    run.start(["detect", str(tiny_detector), str(tmp_path / "a.wav")], {"what": "a.wav"})
    state, said = ended(run)
    assert (state, said.exit_code, run.about) == ("finished", 0, {"what": "a.wav"})
    assert said.lines[-1]["text"].startswith("detect: 1 recordings")
    assert "hiss" in run.output.read_text()


def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    run = CommandRun(tmp_path / "run")
    run.start(["detect", str(tmp_path / "none.stapes"), "a.wav"], {})
    state, said = ended(run)
    assert (state, said.exit_code) == ("failed", 1)
    assert str(tmp_path / "none.stapes") in said.error


def test_a_later_studio_finds_the_running_command_starts_no_second_one_and_stops_it(tmp_path: Path) -> None:
    words = ["studio", str(tmp_path), "--web", "127.0.0.1:0"]  # runs until it is stopped
    CommandRun(tmp_path / "run").start(words, {"what": "first"})
    later = CommandRun(tmp_path / "run")
    assert (later.status()[0], later.about) == ("running", {"what": "first"})
    with pytest.raises(ConfigError, match="running already"):
        later.start(words, {"what": "second"})
    deadline = time.monotonic() + 60
    while not later.status()[1].lines:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    later.stop()
    assert ended(later)[0] == "finished"  # that command ends well on Ctrl-C
    assert later.about == {"what": "first"}


def test_a_command_that_was_killed_has_stopped(tmp_path: Path) -> None:
    run = CommandRun(tmp_path / "run")
    run.start(["studio", str(tmp_path), "--web", "127.0.0.1:0"], {})
    assert run._process is not None
    os.kill(run._process.pid, signal.SIGKILL)
    assert ended(run)[0] == "stopped"


def test_lines_that_are_no_json_are_kept_out_and_the_last_one_explains_a_crash() -> None:
    said = Said()
    for line in ("2026-01-01 tensorflow: no GPU", '{"kind": "info", "text": "begin"}', "KeyError: 'x'", "[1]", "{}"):
        said.hear(line)
    assert said.lines == [{"kind": "info", "text": "begin"}]
    said = Said()
    said.hear("KeyError: 'x'")
    assert said.error == "KeyError: 'x'"


def test_progress_is_that_of_the_running_task() -> None:
    said = Said()
    said.hear('{"kind": "progress", "task": "a", "done": 1, "of": 2, "seconds_left": 3.0}')
    assert said.progress is not None
    assert said.progress["seconds_left"] == 3.0
    said.hear('{"kind": "done", "text": "a: done in 4 s"}')
    assert said.progress is None
