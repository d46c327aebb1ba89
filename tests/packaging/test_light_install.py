"""Outside of the repository, the wheel without extras detects, compiles, exports and simulates without TensorFlow."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import soundfile
from tiny_detector import RATE, noise_bursts, write_tiny_detector

from benchmarks.light_install import Distributions, install_wheel, installed_megabytes

pytestmark = pytest.mark.slow

LARGEST_MB = 200  # a Pi that only listens; TensorFlow alone takes more than a gigabyte
BURSTS = [(1.0, 1.5, "rumble"), (2.5, 3.0, "hiss")]


@pytest.fixture(scope="module")
def environment(distributions: Distributions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment with the wheel and no extra."""
    path = tmp_path_factory.mktemp("light") / "environment"
    try:
        install_wheel(distributions.wheel, path)
    except RuntimeError as error:
        if os.environ.get("CI") or "Could not find a version" not in str(error):
            raise
        pytest.skip(f"needs the package index: {error}")
    return path


def _run(environment: Path, work: Path, *command: str) -> str:
    """Run a program of the environment in `work`, away from the repository; return what it printed."""
    path = f"{environment / 'bin'}:{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(environment / "bin" / command[0]), *command[1:]],
        cwd=work,
        env=kept | {"PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def work(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recording and a detector that was made elsewhere; its C is written by the wheel's compiler."""
    path = tmp_path_factory.mktemp("work")
    write_tiny_detector(path / "tiny.stapes")
    soundfile.write(path / "bursts.wav", noise_bursts(4.0, BURSTS), RATE)
    _run(environment, path, "stapes", "compile", "tiny.stapes/model.tflite", "--out", "tiny.stapes/c", "--name", "tiny")
    return path


def test_the_environment_is_small_and_has_no_tensorflow(environment: Path) -> None:
    sizes = installed_megabytes(environment)
    print(", ".join(f"{name} {megabytes:.1f}" for name, megabytes in sizes.items()), f"= {sum(sizes.values()):.1f} MB")
    assert not [name for name in sizes if name.lower().startswith(("tensorflow", "tf", "keras", "librosa"))]
    assert sum(sizes.values()) < LARGEST_MB


def test_litert_and_compiled_c_hear_the_same_events(environment: Path, work: Path) -> None:
    litert, compiled = (
        _run(environment, work, "stapes", "detect", "tiny.stapes", "bursts.wav", "--engine", engine)
        for engine in ("litert", "c")
    )
    assert litert == compiled
    assert [line.split("\t")[-1] for line in compiled.splitlines()[1:]] == ["rumble", "hiss"]


def test_python_code_detects_without_importing_tensorflow(environment: Path, work: Path) -> None:
    code = (
        "import sys, json; from stapes.runtime import Detector\n"
        "events = list(Detector.load('tiny.stapes').detect('bursts.wav'))\n"
        "print(json.dumps([[event.label for event in events], sorted({'tensorflow', 'keras'} & set(sys.modules))]))"
    )
    labels, imported = json.loads(_run(environment, work, "python", "-c", code))
    assert labels == [label for _, _, label in BURSTS]
    assert imported == []


def test_a_library_is_exported(environment: Path, work: Path) -> None:
    _run(environment, work, "stapes", "export", "tiny.stapes", "--as", "cmake", "--out", "exported")
    assert (work / "exported/CMakeLists.txt").is_file()


def test_an_emulated_board_hears_the_events(environment: Path, work: Path) -> None:
    printed = _run(environment, work, "stapes", "simulate", "tiny.stapes", "bursts.wav", "--board", "cortex-m4")
    events = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    assert [event["label"] for event in events if event["event"] == "completed"] == ["rumble", "hiss"]


def test_training_says_which_extra_it_needs(environment: Path, work: Path) -> None:
    done = subprocess.run(
        [environment / "bin/stapes", "train", "recordings", "--out", "out.stapes"],
        cwd=work,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "pip install 'stapes[train]'" in done.stderr
