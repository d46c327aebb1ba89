"""`stapes bench`, and the same timings under pytest-benchmark."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from stapes.firmware_sim.device.folder import read_folder
from stapes.runtime.detector import Detector
from stapes.runtime.device.bench import noise, training_parity
from stapes.runtime.main import main


@pytest.mark.parametrize("engine", ["litert", "c"])
def test_one_step_of_the_whole_loop(tiny_detector: Path, benchmark: BenchmarkFixture, engine: str) -> None:
    """A step's samples in, one row of scores out, whatever the engine; pytest-benchmark prints what it costs."""
    detector = Detector.load(tiny_detector, engine)
    detector.hear(noise(detector.folder.frontend.window_samples))
    heard = benchmark(detector.hear, noise(detector.folder.clock.step_samples))
    assert heard.scores.shape == (1, len(detector.classes))


def test_one_frame_of_the_frontend(tiny_detector: Path, benchmark: BenchmarkFixture) -> None:
    detector = Detector.load(tiny_detector)
    frame = noise(detector.folder.frontend.window_samples)
    features = benchmark(detector._frontend.features, frame)
    assert features.shape == (1, detector.folder.frontend.n_bands)


def test_bench_prints_stages_and_parity(tiny_detector: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(tiny_detector)]) == 0
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


def test_bench_without_a_c_compiler_names_what_was_not_measured(
    tiny_detector: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    assert main(["bench", str(tiny_detector)]) == 0
    assert "parity compiled C / LiteRT: not measured: no C compiler found" in capsys.readouterr().out


def test_parity_of_training_is_printed_in_words(tiny_detector: Path) -> None:
    events = {"f1_onset_float": 0.9, "f1_onset_quantized": 0.8, "f1_onset_int8": 0.7, "pairs": 5, "only_float": 1}
    events |= {"only_int8": 2, "int8_minus_float": -0.2, "int8_minus_float_low": -0.3, "int8_minus_float_high": 0.0}
    scores = {"float / int8": {"mean": 0.1, "p99": 0.2, "largest": 0.3}}
    folder = replace(read_folder(tiny_detector), scores={"parity": {"scores": scores, "events": events}})
    assert list(training_parity(folder)) == [
        "parity float / int8, |difference| of scores at training: mean 0.1000, p99 0.2000, largest 0.3000",
        "parity at training, event F1 by onset: float 0.900, quantization-aware 0.800, int8 0.700; "
        "int8 - float -0.200 (-0.300 to +0.000)",
        "parity at training, events with the same thresholds: 5 in both float and int8, "
        "1 in float only, 2 in int8 only",
    ]


def test_the_signal_is_loud_and_quiet() -> None:
    blocks = noise(15 * 4096).reshape(15, 4096)
    loudness = np.abs(blocks.astype(int)).max(axis=1)
    assert loudness[0] > 32_000
    assert loudness[14] <= 2
