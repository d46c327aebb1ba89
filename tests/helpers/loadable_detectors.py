"""Detectors of one network and several trainings: they differ in weights, thresholds and names of classes."""

import hashlib
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.tflite_models import cnn_gru_step
from stapes.convert.compile import plan_model
from stapes.firmware_sim.device.events import EventConfig
from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, make_tables
from stapes.firmware_sim.device.model_description import TensorSpec
from stapes.firmware_sim.device.step_tensors import tensor_spec

FRAMES_PER_STEP = 7
CLASSES = ("glass", "dog", "alarm")
OTHER_CLASSES = ("Klingel", "Wasser läuft", '«quote" \\ end»')


@cache
def gru_model(seed: int) -> bytes:
    """Return a step model with weights that depend on `seed`; the shape does not."""
    return cnn_gru_step(seed)


def write_gru_detector(path: Path, seed: int, classes: tuple[str, ...], events: list[EventConfig]) -> DetectorFolder:
    """Write the folder of a detector with the weights of `seed`; `path` must not exist."""
    frontend, model = FrontendConfig(), gru_model(seed)
    tables = make_tables(frontend)
    path.mkdir()
    (path / "model.tflite").write_bytes(model)
    (path / "frontend.bin").write_bytes(tables)
    inputs, outputs = _tensors(model)
    folder = DetectorFolder(
        path=path,
        classes=classes,
        frontend=frontend,
        frontend_hash=Frontend(tables).hash,
        frames_per_step=FRAMES_PER_STEP,
        target_delay_steps=1,
        model_sha256=hashlib.sha256(model).hexdigest(),
        model_inputs=inputs,
        model_outputs=outputs,
        events=tuple(events),
    )
    folder.write()
    return folder


def _tensors(model: bytes) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    graph = plan_model(model, "model").graph
    features, scores = (
        tensor_spec(name, graph.tensors[number])
        for name, number in (("features", graph.inputs[0]), ("scores", graph.outputs[0]))
    )
    state = tensor_spec("state_h", graph.tensors[graph.states[0].current])
    return (features, state), (scores, state)


def two_trainings(folder: Path) -> tuple[DetectorFolder, DetectorFolder]:
    """Write two detectors that differ in weights, scales, thresholds, event settings and names of classes."""
    first = [EventConfig(on_score=0, off_score=-10) for _ in CLASSES]
    second = [
        EventConfig(on_score=5, off_score=5, smoothing_steps=3),
        EventConfig(on_score=-5, off_score=-30, min_duration_steps=2, merge_gap_steps=1, refractory_steps=3),
        EventConfig(on_score=-20, off_score=-20, max_duration_steps=4),
    ]
    return (
        write_gru_detector(folder / "first.stapes", 3, CLASSES, first),
        write_gru_detector(folder / "second.stapes", 4, OTHER_CLASSES, second),
    )


def noise_in_bursts(seconds: float = 6.0, seed: int = 8) -> NDArray[np.int16]:
    """Return int16[samples] at 16 kHz whose loudness and colour change ten times a second."""
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(int(seconds * 10)):
        noise = rng.standard_normal(1600) * 10 ** rng.uniform(0.5, 4)
        parts.append(np.cumsum(noise) / 8 if rng.random() < 0.5 else noise)
    return np.clip(np.concatenate(parts), -32768, 32767).astype(np.int16)
