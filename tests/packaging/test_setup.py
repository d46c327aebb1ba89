"""scripts/setup installs stapes editable, notices what changed, and type checkers follow the imports."""

import os
import shutil
import subprocess
import sys
import sysconfig
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILDS = "setup: building stapes and its C\n"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout, set up, in a folder with a space in its name.

    The copy's .venv takes the libraries of the running environment, so that nothing has to be downloaded; its stamp
    says that they are those of requirements/train.txt.
    """
    path = tmp_path_factory.mktemp("set up") / "a copy"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, path / name)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", path / ".venv"], check=True)
    libraries = path / ".venv/libraries"
    libraries.mkdir()
    for installed in Path(sysconfig.get_path("purelib")).iterdir():
        if "stapes" not in installed.name:
            (libraries / installed.name).symlink_to(installed)
    (site_packages,) = path.glob(".venv/lib/python*/site-packages")
    (site_packages / "libraries.pth").write_text(f"{libraries}\n")
    train = sha256((path / "requirements/train.txt").read_bytes()).hexdigest()
    (path / ".venv/stapes-stamp").write_text(f"at {path}\nlibraries train {train}\n")
    assert _set_up(path) == BUILDS
    return path


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV", "MYPYPATH")}


def _set_up(checkout: Path) -> str:
    """Run scripts/setup; return what it says."""
    done = subprocess.run(
        ["scripts/setup", "train"],
        cwd=checkout,
        env=_environment() | {"PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return "".join(line for line in done.stderr.splitlines(keepends=True) if line.startswith("setup:"))


def _python(checkout: Path, code: str) -> str:
    """Run code with the copy's interpreter in another folder; return what it printed, or its error's last line."""
    command = [checkout / ".venv/bin/python", "-c", code]
    done = subprocess.run(command, cwd="/", env=_environment(), capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else done.stderr.splitlines()[-1]


def test_the_second_time_there_is_nothing_to_do(checkout: Path) -> None:
    assert _set_up(checkout) == ""


def test_a_new_file_is_found_and_a_deleted_one_is_gone(checkout: Path) -> None:
    new = checkout / "train/judge/new_module.py"
    use = "import stapes.train.judge.new_module as new; print(new.ANSWER)"
    new.write_text('"""A module that came later."""\n\nANSWER = 1\n')
    assert _set_up(checkout) == BUILDS
    assert _python(checkout, use) == "1"
    new.write_text('"""A module that came later."""\n\nANSWER = 2\n')
    assert _python(checkout, use) == "2", "a changed file needs no set-up"
    new.unlink()
    assert _set_up(checkout) == BUILDS
    assert _python(checkout, use) == "ModuleNotFoundError: No module named 'stapes.train.judge.new_module'"


def test_a_changed_header_rebuilds_the_extension(checkout: Path) -> None:
    header = checkout / "firmware_sim/csrc/frontend/stapes_frontend.h"
    source = header.with_suffix(".c")
    texts = {path: path.read_text() for path in (header, source)}
    use = (
        "import stapes.firmware_sim._native as native, pathlib\n"
        "print(b'stapes_later_name' in pathlib.Path(native.__file__).read_bytes())"
    )
    try:
        source.write_text(texts[source] + "\nconst char *stapes_probe(void) { return STAPES_PROBE; }\n")
        for name, found in (("stapes_early_name", "False"), ("stapes_later_name", "True")):
            header.write_text(f'{texts[header]}\n#define STAPES_PROBE "{name}"\n')
            assert _set_up(checkout) == BUILDS
            assert _python(checkout, use) == found
    finally:
        for path, text in texts.items():
            path.write_text(text)


def test_set_up_restores_what_make_clean_removed(checkout: Path) -> None:
    subprocess.run(["make", "--silent", "clean"], cwd=checkout, check=True)
    assert _set_up(checkout) == BUILDS
    assert _python(checkout, "import stapes.firmware_sim._native as native; print(native.__name__)").endswith(
        "._native"
    )


def test_type_checkers_follow_the_imports(checkout: Path, tmp_path: Path) -> None:
    user = tmp_path / "user.py"
    user.write_text(
        "from stapes.runtime import Detector\nfrom stapes.train.settings import Settings\nreveal_type(Detector)\n"
    )
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path), "--python-executable"]
    done = subprocess.run(
        [*command, checkout / ".venv/bin/python", user],
        cwd=tmp_path,
        env=_environment(),
        capture_output=True,
        text=True,
    )
    assert "stapes.runtime.detector.Detector" in done.stdout, done.stdout
    assert "import-not-found" not in done.stdout
    assert done.returncode == 0, done.stdout
