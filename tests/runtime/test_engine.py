"""Both engines give the same bits, and the C of a folder from elsewhere runs only when it is asked for."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny_detector import noise_bursts

from stapes.convert.compile import compile_model
from stapes.firmware_sim.device.folder import read_folder
from stapes.firmware_sim.errors import DetectorFolderError
from stapes.runtime.compiled_engine import CompiledEngine
from stapes.runtime.detector import Detector
from stapes.runtime.engine import choose_engine
from stapes.runtime.litert_engine import LitertEngine


@pytest.fixture
def compiled(tiny_detector: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the tiny detector with its C, on a machine that has built nothing yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "copy.stapes"
    shutil.copytree(tiny_detector, path)
    compile_model((path / "model.tflite").read_bytes(), path / "c", "tiny")
    return path


def test_compiled_scores_and_events_vs_litert(compiled: Path) -> None:
    pcm = noise_bursts(6.0, [(1.0, 1.6, "hiss"), (2.5, 3.0, "rumble"), (4.0, 5.5, "hiss")])
    c, litert = Detector.load(compiled, engine="c"), Detector.load(compiled, engine="litert")
    assert isinstance(c._engine, CompiledEngine)
    assert isinstance(litert._engine, LitertEngine)
    scores = litert.scores(pcm)
    assert np.array_equal(c.scores(pcm), scores)
    assert np.array_equal(c.scores(pcm), scores), "each call starts afresh"
    assert c.detect(pcm) == litert.detect(pcm) != []


def test_c_from_elsewhere_runs_when_asked_for_and_from_then_on_with_auto(compiled: Path) -> None:
    folder = read_folder(compiled)
    assert isinstance(choose_engine(folder, "auto"), LitertEngine), "it was never built on this machine"
    choose_engine(folder, "c")
    assert isinstance(choose_engine(folder, "auto"), CompiledEngine)
    with (compiled / "c" / "tiny.c").open("a") as source:
        source.write("/* changed by somebody */\n")
    assert isinstance(choose_engine(folder, "auto"), LitertEngine), "these are not the sources that were built here"


def test_c_of_another_model_is_refused(compiled: Path) -> None:
    folder = dataclasses.replace(read_folder(compiled), model_sha256="0" * 64)
    with pytest.raises(DetectorFolderError, match="generated from another model"):
        choose_engine(folder, "c")
    assert isinstance(choose_engine(folder, "auto"), LitertEngine)


def test_the_error_for_a_detector_without_c_names_the_command_that_makes_it(tiny_detector: Path) -> None:
    with pytest.raises(DetectorFolderError, match="stapes compile"):
        choose_engine(read_folder(tiny_detector), "c")
