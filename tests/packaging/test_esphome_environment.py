"""scripts/esphome-venv installs ESPHome once, and without the package index it warns instead of failing."""

import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the script reads, with a Python that makes an environment whose pip finds no index."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "requirements").mkdir()
    shutil.copy(ROOT / "scripts" / "esphome-venv", tmp_path / "scripts")
    shutil.copy(ROOT / "requirements" / "esphome.txt", tmp_path / "requirements")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(
        '#!/bin/sh\nmkdir -p "$3/bin"\nprintf "#!/bin/sh\\necho no index >&2; exit 1\\n" > "$3/bin/python"\n'
        'chmod +x "$3/bin/python"\n'
    )
    python.chmod(0o755)
    return tmp_path


def run(checkout: Path) -> str:
    done = subprocess.run(
        ["scripts/esphome-venv"], cwd=checkout, env=os.environ, capture_output=True, text=True, check=True
    )
    return done.stderr


def test_without_the_package_index_there_is_a_warning_and_the_next_run_tries_again(checkout: Path) -> None:
    for _ in range(2):
        said = run(checkout)
        assert said.startswith("setup: installing the Python packages of requirements/esphome.txt\nno index\n")
        assert "warning: ESPHome could not be installed" in said


def test_what_is_installed_is_left_alone_until_the_requirements_change(checkout: Path) -> None:
    requirements = checkout / "requirements" / "esphome.txt"
    stamp = checkout / "build" / "esphome-venv" / "stapes-stamp"
    stamp.parent.mkdir(parents=True)
    stamp.write_text(f"{sha256(requirements.read_bytes()).hexdigest()} at {checkout.resolve()}\n")
    assert run(checkout) == ""
    requirements.write_text(requirements.read_text() + "\n")
    assert "installing" in run(checkout)
