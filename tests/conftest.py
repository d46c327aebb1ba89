"""Fixtures that every folder of tests shares; what is expensive is made once per run."""

import shutil
from pathlib import Path

import hypothesis
import pytest

# How long an example takes says nothing on a busy machine.
hypothesis.settings.register_profile("stapes", deadline=None)
hypothesis.settings.load_profile("stapes")

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure(config: pytest.Config) -> None:
    """Without the slow tests, let the C compiler optimize generated models less: its time is most of theirs.

    The whole run (`make test-all`) compiles every model with the flags that users get.
    """
    if config.option.markexpr == "not slow":
        from stapes.firmware_sim.device import host

        host.FLAGS = tuple("-O1" if flag == "-O3" else flag for flag in host.FLAGS)
        host.FLATTENED_CALLS = 0


def _shared(relative: str) -> Path:
    path = ROOT.parent / "shared" / relative
    if not path.exists():
        pytest.skip(f"needs ../shared/{relative}, which is not beside this checkout")
    return path


@pytest.fixture(scope="session")
def soundscapes() -> Path:
    """110 minutes of real recordings with strong labels (not part of the project)."""
    return _shared("data/soundscapes")


@pytest.fixture(scope="session")
def keystrokes() -> Path:
    """21 minutes of typing on four keyboards, with the times of key presses (not part of the project)."""
    return _shared("data/keystrokes")


@pytest.fixture(scope="session")
def foreign_models() -> Path:
    """int8 models that others made (not part of the project)."""
    return _shared("models")


@pytest.fixture(scope="session")
def cases_of_models() -> Path:
    """Models of the kinds that stapes once refused (not part of the project)."""
    return _shared("cases/models")


@pytest.fixture(scope="session")
def hostile_cases() -> Path:
    """Small inputs that once crashed stapes or what it uses (not part of the project)."""
    return _shared("cases/hostile")


@pytest.fixture(scope="session")
def tiny_detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector folder made in milliseconds without TensorFlow (tests/helpers/tiny_detector.py); do not change it."""
    from tiny_detector import write_tiny_detector

    return write_tiny_detector(tmp_path_factory.mktemp("detector") / "tiny.stapes").path


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files anew instead of comparing")


@pytest.fixture(scope="session")
def update_golden(pytestconfig: pytest.Config) -> bool:
    """Whether golden files are to be written anew."""
    return bool(pytestconfig.getoption("--update-golden"))


@pytest.fixture(scope="session")
def compiled_detector(tiny_detector: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny detector with c/ written by the compiler; do not change it."""
    from stapes.convert.compile import compile_model

    path = tmp_path_factory.mktemp("compiled") / "tiny.stapes"
    shutil.copytree(tiny_detector, path)
    compile_model((path / "model.tflite").read_bytes(), path / "c", "tiny")
    return path
