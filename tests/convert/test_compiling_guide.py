"""docs/compiling.md: its commands, its C and its Python run, on a model of the shape that it speaks of."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from benchmarks.tflite_models import ds_cnn
from stapes.runtime.main import main

GUIDE = (Path(__file__).parents[2] / "docs" / "compiling.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
COMMANDS = [line.split("#")[0] for kind, text in BLOCKS if not kind for line in text.splitlines()]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kws.tflite").write_bytes(ds_cnn())
    return tmp_path


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("stapes ")])
def test_the_commands_write_a_library_that_the_c_of_the_guide_runs(folder: Path, command: str) -> None:
    assert main(shlex.split(command)[1:]) == 0
    [program] = [text for kind, text in BLOCKS if kind == "c"]
    (folder / "main.c").write_text(program)
    if "cortex-m" not in command:
        [build] = [line for line in COMMANDS if line.startswith("cc ")]
        subprocess.run(build, shell=True, check=True)
        shown = subprocess.run(["./kws"], capture_output=True, text=True, check=True).stdout
        assert len(shown.split()) == 12


def test_the_python_of_the_guide_finds_no_difference(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [program] = [text for kind, text in BLOCKS if kind == "python"]
    exec(compile(program, "compiling.md", "exec"), {})
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "{'scores': 0}"
    assert int(shown[1].split()[0]) > 0


def test_the_guide_has_what_is_tested_here() -> None:
    assert len([line for line in COMMANDS if line.startswith("stapes compile ")]) == 4
