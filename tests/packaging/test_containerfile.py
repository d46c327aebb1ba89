"""The Containerfile, step by step in a fresh virtual environment, as not every machine can build images."""

import json
import os
import re
import shlex
import shutil
import subprocess
import venv
from pathlib import Path

import pytest
import soundfile
from tiny_detector import RATE, noise_bursts, write_tiny_detector

ROOT = Path(__file__).resolve().parents[2]
INSIDE = "/stapes/"  # where everything lies in the image; a folder of the test stands for it
AS_ROOT = ("apt-get", "useradd", "chown")  # steps that need an image of their own


def _instructions() -> list[tuple[str, str]]:
    text = (ROOT / "Containerfile").read_text(encoding="utf-8")
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


def _all(name: str) -> list[str]:
    return [value for each, value in _instructions() if each == name]


def test_images_have_short_names_and_the_program_is_not_root() -> None:
    assert {value.split()[0] for value in _all("FROM")} == {"python:3.13-slim"}
    names = [name for name, _ in _instructions()]
    [user] = _all("USER")
    assert int(user) > 0
    assert names.index("USER") > max(place for place, name in enumerate(names) if name == "RUN")
    assert not re.search(r"https?://", (ROOT / "Containerfile").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_steps_install_a_program_that_hears_a_pipe_and_shows_that_it_is_alive(tmp_path: Path) -> None:
    image, stand_ins, environment = tmp_path / "image", tmp_path / "stand-ins", tmp_path / "environment"
    venv.create(environment, with_pip=True)
    stand_ins.mkdir()
    for name in AS_ROOT:
        (stand_ins / name).write_text("#!/bin/sh\nexit 0\n")
        (stand_ins / name).chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    kept["PATH"] = f"{stand_ins}:{environment / 'bin'}:{os.environ['PATH']}"
    copied = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in filter(None, subprocess.check_output(copied, cwd=ROOT, text=True).split("\0")):
        if (ROOT / name).is_file():
            (image / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, image / "source" / name)

    def run(command: str, sound: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        here = command.replace(INSIDE, f"{image}/")
        return subprocess.run(["sh", "-c", here], cwd=tmp_path, env=kept, input=sound, capture_output=True)

    for step in _all("RUN"):
        done = run(step)
        missing = b"Could not find a version" in done.stderr and not os.environ.get("CI")
        if missing:
            pytest.skip("needs the package index")
        assert done.returncode == 0, f"{step}\n{done.stderr.decode()}"

    write_tiny_detector(image / "detector")
    soundfile.write(tmp_path / "yard.wav", noise_bursts(3.0, [(1.0, 1.5, "hiss")]), RATE)
    [start], [check] = _all("ENTRYPOINT"), _all("HEALTHCHECK")
    is_healthy = check.split(" CMD ")[1]
    assert run(is_healthy).returncode != 0, "nothing was heard yet"
    done = run(shlex.join(json.loads(start)), (tmp_path / "yard.wav").read_bytes())
    assert done.returncode == 0, done.stderr.decode()
    assert [json.loads(line)["label"] for line in done.stdout.splitlines()] == ["hiss"]
    assert run(is_healthy).returncode == 0
    os.utime(image / "data" / "heartbeat", (0, 0))
    assert run(is_healthy).returncode != 0, "nothing was heard for a long time"
