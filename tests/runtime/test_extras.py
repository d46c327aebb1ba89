"""A command whose extra is not installed prints one line that names the extra."""

import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from stapes.runtime import extras
from stapes.runtime.extras import PACKAGE_OF, missing_extra, needs_of_extras
from stapes.runtime.main import main


def test_training_without_its_extra_is_an_error_of_one_line(tmp_path: Path) -> None:
    """In a process of its own, in which nothing was imported before."""
    without_it = "import sys; sys.modules.update(scipy=None, sklearn=None)"
    program = f"{without_it}; from stapes.runtime.main import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "evaluate", str(tmp_path), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("error: this needs scipy")
    assert "pip install 'stapes[train]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_picture_without_its_extra_is_an_error_of_one_line_before_any_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.backend_bases", None)
    out = tmp_path / "e.csv"
    assert main(["detect", "none.stapes", str(tmp_path), "--out", str(out), "--plot", str(tmp_path / "e.png")]) == 1
    assert "pip install 'stapes[plot]'" in capsys.readouterr().err


def test_a_module_of_no_extra_is_a_bug_and_not_hidden() -> None:
    assert missing_extra(ModuleNotFoundError("No module named 'nonsense'", name="nonsense")) is None


def test_the_extra_of_every_module_is_known() -> None:
    settings = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    extras = {name: needs for name, needs in settings["project"]["optional-dependencies"].items() if name != "dev"}
    lines = [f'{line}; extra == "{extra}"' for extra, needs in extras.items() for line in needs]
    packages = {need.package for need in needs_of_extras(lines)} - {"stapes"}
    modules = {
        module
        for module, found in packages_distributions().items()
        if {each.lower().replace("_", "-") for each in found} & packages
    }
    known = {PACKAGE_OF.get(module, module.lower().replace("_", "-")) for module in modules}
    assert known >= packages - {"s3fs"}, "s3fs is not among the tests' packages"


def test_a_python_that_tensorflow_does_not_serve_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    line = """tensorflow==2.21.0; python_version < "3.14" and extra == "train\""""
    monkeypatch.setattr(extras, "requires", lambda _: [line])
    monkeypatch.setattr(sys, "version_info", (3, 14, 1))
    message = str(missing_extra(ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")))
    assert (
        "tensorflow, which this version of stapes can use only with Python before 3.14; this is Python 3.14:" in message
    )
    monkeypatch.setattr(sys, "version_info", (3, 13, 9))
    message = str(missing_extra(ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")))
    assert message.endswith("not installed: pip install 'stapes[train]'")
