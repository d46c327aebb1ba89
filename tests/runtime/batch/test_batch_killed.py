"""Runs and workers that are killed with SIGKILL in the middle: no event is missing or repeated."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
import soundfile
from season import detect_words, finished, start_detect, write_season
from tiny_detector import RATE, noise_bursts

from stapes.runtime.batch.hearing import Job
from stapes.runtime.batch.recording_times import StartClock
from stapes.runtime.batch.workers import LocalProcesses
from stapes.runtime.main import main

RECORDINGS = 24


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_season(tmp_path_factory.mktemp("season"), RECORDINGS, 90.0)


@pytest.fixture(scope="module")
def table(tiny_detector: Path, season: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The table of a run that was not interrupted."""
    out = tmp_path_factory.mktemp("out") / "events.csv"
    assert main(detect_words(tiny_detector, season, out, "--jobs", 2)) == 0
    return out.read_bytes()


def _wait_for(condition: Callable[[], bool], run: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)


def _children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
def test_a_killed_run_continues_where_it_was(tiny_detector: Path, season: Path, table: bytes, tmp_path: Path) -> None:
    out, journal = tmp_path / "events.csv", tmp_path / "events.csv.progress"
    held = 0
    for _ in range(3):
        run = start_detect(tiny_detector, season, out, "--jobs", 2)
        wanted = held + 3
        _wait_for(lambda wanted=wanted: finished(journal) >= wanted, run)  # type: ignore[misc]
        workers = _children(run.pid)
        run.kill()
        run.communicate()
        held = finished(journal)
        assert held < RECORDINGS
        assert not out.exists()
        deadline = time.monotonic() + 20
        while any(map(_is_alive, workers)):
            assert time.monotonic() < deadline, "workers outlive the run"
            time.sleep(0.05)
    run = start_detect(tiny_detector, season, out, "--jobs", 1)
    message = run.communicate(timeout=120)[1]
    assert run.returncode == 0, message
    assert f"continuing: {held} of {RECORDINGS} recordings are done" in message
    assert f"detect {RECORDINGS - held}/{RECORDINGS - held}" in message, "only the others were processed"
    assert out.read_bytes() == table
    assert not journal.exists()


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(tiny_detector: Path, season: Path, table: bytes, tmp_path: Path) -> None:
    out, journal = tmp_path / "events.csv", tmp_path / "events.csv.progress"
    run = start_detect(tiny_detector, season, out, "--jobs", 2)
    _wait_for(lambda: finished(journal) >= 3, run)
    os.kill(_children(run.pid)[-1], signal.SIGKILL)
    message = run.communicate(timeout=120)[1]
    assert run.returncode == 0, message
    assert out.read_bytes() == table


_PYTHON_THAT_DIES = """#!/bin/sh
# Python for new processes: the first worker is killed before it has read anything.
case "$*" in *spawn_main*) mkdir {died} 2>/dev/null && kill -9 $$ ;; esac
exec {python} "$@"
"""
_RUN_WITH_LARGE_JOB = """
import multiprocessing, sys
from stapes.runtime.batch.hearing import Job, hash_of
from stapes.runtime.main import main

def padded(*arguments, of=Job.of, **named):
    job = of(*arguments, **named)
    files = dict(job.files) | {"large": bytes(1 << 20)}
    return type(job)(**vars(job) | {"files": files, "hash": hash_of(files)})

Job.of = padded
multiprocessing.set_executable(sys.argv[1])
sys.exit(main(sys.argv[2:]))
"""


def test_a_worker_that_is_killed_as_it_starts_changes_nothing(
    tiny_detector: Path, season: Path, table: bytes, tmp_path: Path
) -> None:
    """The job is larger than the pipe to a new process, 64 KiB, which a dead process does not empty."""
    python, died, out = tmp_path / "python", tmp_path / "died", tmp_path / "events.csv"
    python.write_text(_PYTHON_THAT_DIES.format(died=died, python=sys.executable))
    python.chmod(0o755)
    words = [sys.executable, "-c", _RUN_WITH_LARGE_JOB, str(python), *detect_words(tiny_detector, season, out)]
    run = subprocess.run([*words, "--jobs", "2"], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert died.exists()
    assert out.read_bytes() == table


@pytest.mark.parametrize(
    ("error", "expected"), [(OSError("handle is closed"), BrokenProcessPool), (OSError(24, ""), OSError)]
)
def test_a_pool_that_closes_its_pipes_counts_as_broken(
    tiny_detector: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, expected: type[Exception]
) -> None:
    def submit(*_: object) -> None:
        raise error

    monkeypatch.setattr(ProcessPoolExecutor, "submit", submit)
    workers = LocalProcesses(Job.of(tiny_detector, "litert", StartClock(), False), 1)
    with pytest.raises(expected):
        workers.executor().submit(len, "")
    workers.close()


def test_ctrl_c_ends_at_once_and_keeps_what_is_done(tiny_detector: Path, season: Path, tmp_path: Path) -> None:
    out, journal = tmp_path / "events.csv", tmp_path / "events.csv.progress"
    for number in range(20):  # enough that the run has not ended before it is stopped
        shutil.copytree(season, tmp_path / "seasons" / str(number), copy_function=os.link)
    run = start_detect(tiny_detector, tmp_path / "seasons", out, "--jobs", 2)
    _wait_for(lambda: finished(journal) >= 3, run)
    run.send_signal(signal.SIGINT)
    message = run.communicate(timeout=20)[1]
    assert run.returncode == 130, message
    assert message.rstrip().endswith("interrupted")
    assert finished(journal) >= 3


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length_of_a_recording(tiny_detector: Path, tmp_path: Path) -> None:
    code = (
        "import re, sys; from stapes.runtime.batch.hearing import *; from stapes.runtime.batch.listing import *\n"
        "job = Job.of(Path(sys.argv[1]), 'litert', StartClock(), False); install(job)\n"
        "(outcome,) = hear_recordings(job.hash, list_recordings(sys.argv[2])[0])\n"
        "print(outcome.seconds, re.search(r'VmHWM:\\s*(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    peaks = {}
    for minutes in (2, 60):
        folder = tmp_path / str(minutes)
        folder.mkdir()
        with soundfile.SoundFile(folder / "long.flac", "w", RATE, 1) as file:
            for _ in range(minutes):
                file.write(noise_bursts(60.0, [(1.0, 2.0, "hiss")]))
        words = [sys.executable, "-c", code, str(tiny_detector), str(folder)]
        seconds, kilobytes = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
        assert float(seconds) == 60 * minutes
        peaks[minutes] = int(kilobytes)
    hour_of_pcm = 3600 * 16_000 * 2 / 1024
    assert peaks[60] - peaks[2] < 0.05 * hour_of_pcm
