"""`stapes bench`: how long a detector takes per hop on this machine, and whether its engines agree."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.events import EventDecoder
from stapes.firmware_sim.device.folder import DetectorFolder, read_folder
from stapes.firmware_sim.device.frontend import Frontend
from stapes.firmware_sim.errors import ToolchainError
from stapes.runtime.detector import Detector
from stapes.runtime.engine import ENGINES, choose_engine

SIGNAL_S = 20


@dataclass(frozen=True)
class StageTiming:
    """How long one call from Python took, over many calls."""

    stage: str
    median_us: float
    p99_us: float
    audio_us: float  # length of the audio that one call processes

    def row(self) -> str:
        """Return one line of the table; the last column is the load of one core in real time."""
        return f"{self.stage:44} {self.median_us:9.1f} {self.p99_us:9.1f} {self.median_us / self.audio_us:9.3%}"


def noise(samples: int) -> NDArray[np.int16]:
    """Return int16[samples] of noise between full scale and silence, the same on every machine."""
    values = np.random.default_rng(1).integers(-32768, 32768, samples, dtype=np.int64)
    return (values >> (np.arange(samples) // 4096) % 15).astype(np.int16)


def usable_engines(folder: DetectorFolder) -> Iterator[str]:
    """Yield every engine that this detector can use here: the compiled C needs a C compiler."""
    for name in ENGINES:
        try:
            choose_engine(folder, name)
        except ToolchainError:
            continue
        yield name


def timings(path: Path) -> Iterator[StageTiming]:
    """Measure the stages of a step one by one, then the whole loop over blocks of one step."""
    folder = read_folder(path)
    clock, frontend = folder.clock, Frontend(folder.tables)
    hop, window, step = folder.frontend.hop_samples, folder.frontend.window_samples, clock.step_samples
    hop_us, step_us = 1e6 * folder.frontend.hop_s, 1e6 * clock.step_s
    pcm = noise(SIGNAL_S * clock.sample_rate_hz)

    frames = [pcm[at : at + window] for at in range(0, len(pcm) - window, hop)]
    yield _timed("frontend, one frame", frontend.features, frames, hop_us)
    features = frontend.features(pcm)
    features = features[: len(features) // folder.frames_per_step * folder.frames_per_step]
    steps = features.reshape(-1, 1, folder.frames_per_step, folder.frontend.n_bands)
    engines = list(usable_engines(folder))
    for name in engines:
        yield _timed(f"model, one step, {ENGINES[name].title}", choose_engine(folder, name).run, steps, step_us)
    scores = choose_engine(folder, engines[-1]).run(steps[:, 0])
    decoder = EventDecoder(folder.classes, folder.events, clock)
    yield _timed("events, one step", decoder.push, scores[:, None], step_us)
    for name in engines:
        detector = Detector.load(path, name)
        blocks = [pcm[at : at + step] for at in range(0, len(pcm), step)]
        yield _timed(f"the whole loop, one step, {ENGINES[name].title}", detector.push, blocks, step_us)


def _timed(stage: str, call: Callable[[Any], Any], inputs: Iterable[Any], audio_us: float) -> StageTiming:
    taken = []
    for given in inputs:
        start = time.perf_counter_ns()
        call(given)
        taken.append(time.perf_counter_ns() - start)
    return StageTiming(stage, float(np.median(taken)) / 1e3, float(np.quantile(taken, 0.99)) / 1e3, audio_us)


def engine_parity(path: Path) -> str:
    """Compare the scores of both engines on the same signal bit for bit, and return the result as one line."""
    try:
        compiled = Detector.load(path, "c")
    except ToolchainError as error:
        return f"parity compiled C / LiteRT: not measured: {error}"
    litert = Detector.load(path, "litert")
    pcm = noise(SIGNAL_S * compiled.sample_rate_hz)
    expected = litert.scores(pcm)
    different = int(np.count_nonzero(compiled.scores(pcm) != expected))
    verdict = "every score equal" if not different else f"{different} scores differ"
    return f"parity compiled C / LiteRT: {verdict}, {expected.shape[0]} steps x {expected.shape[1]} classes"


def training_parity(folder: DetectorFolder) -> Iterator[str]:
    """Yield what training measured on its validation part: the int8 detector compared with the float network."""
    parity = folder.scores.get("parity")
    if not parity:
        yield "parity int8 / float: this detector has no figures from training"
        return
    for pair, apart in parity["scores"].items():
        figures = ", ".join(f"{name} {value:.4f}" for name, value in apart.items())
        yield f"parity {pair}, |difference| of scores at training: {figures}"
    events = parity["events"]
    yield (
        f"parity at training, event F1 by onset: float {events['f1_onset_float']:.3f}, "
        f"quantization-aware {events['f1_onset_quantized']:.3f}, int8 {events['f1_onset_int8']:.3f}; int8 - float "
        f"{events['int8_minus_float']:+.3f} ({events['int8_minus_float_low']:+.3f} to "
        f"{events['int8_minus_float_high']:+.3f})"
    )
    yield (
        f"parity at training, events with the same thresholds: {events['pairs']} in both float and int8, "
        f"{events['only_float']} in float only, {events['only_int8']} in int8 only"
    )


def bench(path: Path) -> None:
    """Print how long the stages take on this machine, whether the engines agree, and the parity found in training.

    Raises DetectorFolderError when the folder cannot be used.
    """
    folder = read_folder(path)
    step_ms, hop_ms = 1e3 * folder.clock.step_s, 1e3 * folder.frontend.hop_s
    print(f"{path}: {len(folder.classes)} classes, step {step_ms:g} ms, hop {hop_ms:g} ms")
    print(f"{'from Python, one core':44} {'median us':>9} {'p99 us':>9} {'load':>9}")
    for timing in timings(path):
        print(timing.row(), flush=True)
    print(engine_parity(path))
    for line in training_parity(folder):
        print(line)
