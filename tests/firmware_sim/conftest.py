"""A detector folder with its generated C."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def compiled_detector(tiny_detector: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny detector with c/ written by the compiler; do not change it."""
    from stapes.convert.compile import compile_model

    path = tmp_path_factory.mktemp("compiled") / "tiny.stapes"
    shutil.copytree(tiny_detector, path)
    compile_model((path / "model.tflite").read_bytes(), path / "c", "tiny")
    return path
