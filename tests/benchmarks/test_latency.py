"""`stapes bench`, and the same timings under pytest-benchmark."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from stapes.benchmarks.latency import noise
from stapes.convert.compile import compile_model
from stapes.runtime.detector import Detector
from stapes.runtime.main import main


@pytest.fixture(scope="module")
def compiled(tiny_detector: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compiled") / "tiny.stapes"
    shutil.copytree(tiny_detector, path)
    compile_model((path / "model.tflite").read_bytes(), path / "c", "tiny")
    return path


@pytest.mark.parametrize("engine", ["litert", "c"])
def test_one_step_of_the_whole_loop(compiled: Path, benchmark: BenchmarkFixture, engine: str) -> None:
    """A step's samples in, one row of scores out, whatever the engine; pytest-benchmark prints what it costs."""
    detector = Detector.load(compiled, engine)
    detector.hear(noise(detector.folder.frontend.window_samples))
    heard = benchmark(detector.hear, noise(detector.folder.clock.step_samples))
    assert heard.scores.shape == (1, len(detector.classes))


def test_one_frame_of_the_frontend(compiled: Path, benchmark: BenchmarkFixture) -> None:
    detector = Detector.load(compiled)
    frame = noise(detector.folder.frontend.window_samples)
    features = benchmark(detector._frontend.features, frame)
    assert features.shape == (1, detector.folder.frontend.n_bands)


def test_bench_prints_stages_and_parity(compiled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(compiled)]) == 0
    out = capsys.readouterr().out
    for stage in (
        "frontend, one frame",
        "compiled C",
        "LiteRT BUILTIN_REF",
        "events, one step",
        "the whole loop, one step",
    ):
        assert stage in out
    assert "parity compiled C / LiteRT: every score equal" in out


def test_bench_without_c_says_what_was_not_measured(tiny_detector: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(tiny_detector)]) == 0
    assert "parity compiled C / LiteRT: not measured: " in capsys.readouterr().out


def test_the_signal_is_loud_and_quiet() -> None:
    blocks = noise(15 * 4096).reshape(15, 4096)
    loudness = np.abs(blocks.astype(int)).max(axis=1)
    assert loudness[0] > 32_000
    assert loudness[14] <= 2
