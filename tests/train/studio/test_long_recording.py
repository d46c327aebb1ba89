"""A recording of three hours in the command `stapes studio`, in a process of its own: memory stays small, and a tile
needs no more of the file than it shows. The referee of memory is the kernel's VmHWM.
"""

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, make_tables
from stapes.runtime.audio import AudioFile
from stapes.train.studio import spectrogram

pytestmark = pytest.mark.slow

HOURS, RATE_HZ = 3, 16_000
MOST_MB = 300


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("long")
    minute = (np.random.default_rng(1).normal(size=60 * RATE_HZ) * 30).astype(np.int16)
    with soundfile.SoundFile(folder / "long.flac", "w", RATE_HZ, 1, subtype="PCM_16") as file:
        for number in range(60 * HOURS):
            file.write(np.roll(minute, 777 * number))
        file.buffer_write(bytes(2 * RATE_HZ), "int16")
    (folder / "long.txt").write_text("1.0\t2.0\tbark\n9000.0\t9001.0\tmeow\n")
    return folder


@pytest.fixture
def studio(dataset: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "stapes", "studio", str(dataset), "--web", "0"]
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        yield process
        process.terminate()
        assert process.wait(20) == 0, "SIGTERM ends it as it should"


def _get(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def _megabytes(process: subprocess.Popen[str]) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1000  # type: ignore[index]


def test_three_hours_are_shown_heard_and_checked_in_less_than_300_megabytes(studio: subprocess.Popen[str]) -> None:
    assert studio.stderr is not None
    url = re.search(r"http://127\.0\.0\.1:\d+/", studio.stderr.readline())[0]  # type: ignore[index]
    assert json.loads(_get(f"{url}api/recordings")[1])[0]["seconds"] == HOURS * 3600 + 1
    asked = f"{url}api/spectrogram?recording=long.flac"
    for level, tile in ((0, 0), (0, 1300), (4, 80), (4, 0)):
        status, body = _get(f"{asked}&level={level}&tile={tile}")
        assert (status, len(body)) == (200, 40 * 512)
    assert len(_get(f"{url}api/sound?recording=long.flac&from=10000&seconds=60")[1]) > 2 * 59 * RATE_HZ
    deadline = time.monotonic() + 120
    while (status := _get(f"{asked}&level=11&tile=0")[0]) == 202:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert status == 200
    while "digital silence" not in str(json.loads(_get(f"{url}api/recordings")[1])[0]["problems"]):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert _megabytes(studio) < MOST_MB
    loaded = Path(f"/proc/{studio.pid}/maps").read_text()
    assert "tensorflow" not in loaded, "the server's process trains nothing"


def test_a_tile_in_the_middle_reads_only_the_sound_that_it_shows(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    checked = AudioFile._checked

    def counted(*arguments: object, **named: object) -> Iterator[np.ndarray]:
        for block in checked(*arguments, **named):  # type: ignore[arg-type]
            read.append(len(block))
            yield block

    monkeypatch.setattr(AudioFile, "_checked", counted)
    frontend = Frontend(make_tables(FrontendConfig()))
    tiles = spectrogram.Spectrograms(tmp_path)
    assert tiles.tile(dataset / "long.flac", frontend, 0, 900) is not None
    assert sum(read) < 12 * RATE_HZ, "8 s of sound, and what the resampler needs"
