"""A command whose extra is not installed says which one to install, in one line."""

import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from stapes.runtime.extras import EXTRA_OF, TRAINING_ENDS_AT, missing_extra
from stapes.runtime.main import main


def test_training_without_its_extra_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] in ("scipy", "sklearn")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.startswith("stapes.train.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "scipy", None)
    assert main(["evaluate", str(tmp_path), str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: this needs scipy")
    assert "pip install 'stapes[train]'" in said


def test_a_picture_without_its_extra_is_one_line_before_any_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.backend_bases", None)
    out = tmp_path / "e.csv"
    assert main(["detect", "none.stapes", str(tmp_path), "--out", str(out), "--plot", str(tmp_path / "e.png")]) == 1
    assert "pip install 'stapes[plot]'" in capsys.readouterr().err


def test_a_module_of_no_extra_is_a_bug_and_not_hidden() -> None:
    assert missing_extra(ModuleNotFoundError("No module named 'nonsense'", name="nonsense")) is None


def test_every_package_of_an_extra_is_known() -> None:
    settings = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    extras = {name: needs for name, needs in settings["project"]["optional-dependencies"].items() if name != "dev"}
    listed = {need.split(">=")[0].split("==")[0]: name for name, needs in extras.items() for need in needs}
    modules = {
        module: listed[distribution]
        for module, distributions in packages_distributions().items()
        for distribution in {each.lower().replace("_", "-") for each in distributions} & set(listed)
        if not module.startswith("_")
    }
    known = {module: extra for module, extra in modules.items() if module in EXTRA_OF}
    assert known == EXTRA_OF


def test_a_python_that_tensorflow_does_not_serve_yet_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    said = str(missing_extra(ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")))
    assert "TensorFlow, which has no release for Python 3.14: make an environment with Python 3.11 to 3.13" in said


def test_the_limit_on_python_is_that_of_the_extra() -> None:
    settings = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    (need,) = (n for n in settings["project"]["optional-dependencies"]["train"] if n.startswith("tensorflow=="))
    assert need.endswith(f"; python_version < '{TRAINING_ENDS_AT[0]}.{TRAINING_ENDS_AT[1]}'")
