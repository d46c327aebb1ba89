"""The same run on a Dask cluster: a real scheduler and three worker processes, of which one is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from season import detect_words, finished, start_detect, write_season

from stapes.runtime.main import main

RECORDINGS = 24


@dataclass
class Cluster:
    """Processes that run until the test ends."""

    address: str
    workers: list[subprocess.Popen[bytes]]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    pytest.importorskip("distributed")
    log = (tmp_path / "cluster.log").open("wb")
    dask = [sys.executable, "-m", "distributed.cli.dask_"]
    port_file = tmp_path / "scheduler.json"

    def start(part: str, *words: str) -> subprocess.Popen[bytes]:
        command = [*dask[:-1], dask[-1] + part, *words]
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path)

    scheduler = start(
        "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(port_file)
    )
    processes = [scheduler]
    try:
        _wait_until(port_file.exists, scheduler)
        words = (
            "--scheduler-file",
            str(port_file),
            "--no-nanny",
            "--nthreads",
            "1",
            "--no-dashboard",
            "--host",
            "127.0.0.1",
        )
        workers = [start("worker", *words) for _ in range(3)]
        processes += workers
        yield Cluster(json.loads(port_file.read_text())["address"], workers)
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
        log.close()


def _wait_until(condition: object, run: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not condition():  # type: ignore[operator]
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.slow
def test_a_killed_worker_and_a_killed_client_change_nothing_vs_one_process(
    cluster: Cluster, tiny_detector: Path, tmp_path: Path
) -> None:
    season = write_season(tmp_path / "season", RECORDINGS, 90.0)
    expected, out = tmp_path / "expected.csv", tmp_path / "events.csv"
    journal = tmp_path / "events.csv.progress"
    assert main(detect_words(tiny_detector, season, expected, "--jobs", 1)) == 0

    client = start_detect(tiny_detector, season, out, "--scheduler", cluster.address)
    _wait_until(lambda: finished(journal) >= 3, client)
    client.kill()
    client.communicate()
    held = finished(journal)
    assert held < RECORDINGS

    client = start_detect(tiny_detector, season, out, "--scheduler", cluster.address)
    _wait_until(lambda: finished(journal) >= held + 3, client)
    os.kill(cluster.workers[0].pid, signal.SIGKILL)
    assert finished(journal) < RECORDINGS
    message = client.communicate(timeout=240)[1]
    assert client.returncode == 0, message
    assert f"continuing: {held} of {RECORDINGS} recordings are done" in message
    assert cluster.workers[0].wait(10) == -signal.SIGKILL
    assert out.read_bytes() == expected.read_bytes()


def test_a_missing_scheduler_is_an_error_of_one_line(
    tiny_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = pytest.importorskip("stapes.runtime.batch.cluster")
    monkeypatch.setattr(cluster, "TIMEOUT_S", 1)
    season = write_season(tmp_path / "season", 1, 2.0)
    words = ("--scheduler", "tcp://127.0.0.1:9")
    assert main(detect_words(tiny_detector, season, tmp_path / "events.csv", *words)) == 1
    assert "error: no Dask scheduler answers at tcp://127.0.0.1:9" in capsys.readouterr().err


def test_encrypted_connections_without_certificates_are_an_error_of_one_line(
    tiny_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("distributed")
    season = write_season(tmp_path / "season", 1, 2.0)
    words = detect_words(tiny_detector, season, tmp_path / "events.csv", "--scheduler", "tls://127.0.0.1:9")
    assert main(words) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert "no certificates are set" in line
