"""Detectors of one network and several trainings: they differ in weights, thresholds and names of classes."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.tflite_models import STATE, Layers, cnn_gru_step
from stapes.convert.compile import plan_model
from stapes.firmware_sim.device.events import EventConfig
from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, make_tables
from stapes.firmware_sim.device.model_description import TensorSpec
from stapes.firmware_sim.device.step_tensors import tensor_spec

FRAMES_PER_STEP = 7
CLASSES = ("glass", "dog", "alarm")
OTHER_CLASSES = ("Klingel", "Wasser läuft", '«quote" \\ end»')


def kernels_model(seed: int) -> bytes:
    """Return a step model without states, of every kernel that can be loaded and that `cnn_gru_step` lacks."""
    net = Layers(seed)
    x = net.input("features", (1, FRAMES_PER_STEP, 40, 1), (1 / 32, 0))
    y = net.conv("mix", x, (3, 3), 6, (1, 2), same=False)  # 5x19x6
    pool = {"padding": 1, "strideH": 2, "strideW": 2, "filterHeight": 2, "filterWidth": 2}
    y = net.simple("MAX_POOL_2D", "most", [y], (1, 2, 9, 6), net.scale_of[y], "Pool2DOptions", **pool)
    y = net.simple("TANH", "bent", [y], (1, 2, 9, 6), STATE)
    border = net.builder.constant("border", [[0, 0], [1, 0], [0, 1], [0, 0]])
    y = net.simple("PAD", "padded", [y, border], (1, 3, 10, 6), STATE, "PadOptions")
    order = net.builder.constant("order", [0, 2, 3, 1])
    y = net.simple("TRANSPOSE", "turned", [y, order], (1, 10, 6, 3), STATE, "TransposeOptions")
    limit = net.builder.constant("limit", [[20 + seed]], "int8", STATE)
    y = net.simple("MINIMUM", "limited", [y, limit], (1, 10, 6, 3), STATE, "MaximumMinimumOptions")
    rows = net.builder.constant("rows", [9, 2, 2, 7, 0])
    taken = net.simple("GATHER", "taken", [y, rows], (1, 5, 6, 3), STATE, "GatherOptions", axis=1)
    axes = net.builder.constant("axes", [1, 2])
    highest = net.simple("REDUCE_MAX", "highest", [taken, axes], (1, 3), STATE, "ReducerOptions")
    mean = net.simple("MEAN", "mean", [taken, axes], (1, 3), (1 / 200, seed), "ReducerOptions")
    total = net.simple("ADD", "total", [highest, mean], (1, 3), (1 / 50, -seed), "AddOptions")
    pool = {"padding": 0, "strideH": 2, "strideW": 3, "filterHeight": 2, "filterWidth": 3}
    y = net.simple("AVERAGE_POOL_2D", "average", [taken], (1, 3, 2, 3), STATE, "Pool2DOptions", **pool)
    part = net.dense("part", y, 3, (1 / 50, -seed), relu=False)
    wide = net.conv("wide", taken, (5, 6), 70, same=False, multiple=16)  # weights of four bits
    more = net.dense("more", wide, 3, (1 / 50, -seed), relu=False)
    both = net.simple("ADD", "both", [part, more], (1, 3), (1 / 50, -seed), "AddOptions")
    logits = net.simple("ADD", "logits", [both, total], (1, 3), (1 / 16, 0), "AddOptions")
    scores = net.simple("LOGISTIC", "scores", [logits], (1, 3), (1 / 256, -128))
    net.builder.sign({"features": x}, {"scores": scores})
    return net.builder.finish([scores])


@dataclass(frozen=True)
class Training:
    """What one training of a network decides."""

    model: bytes
    classes: tuple[str, ...]
    events: tuple[EventConfig, ...]


def write_detector(path: Path, training: Training) -> DetectorFolder:
    """Write the folder of a detector; `path` must not exist."""
    frontend, model = FrontendConfig(), training.model
    tables = make_tables(frontend)
    path.mkdir()
    (path / "model.tflite").write_bytes(model)
    (path / "frontend.bin").write_bytes(tables)
    inputs, outputs = _tensors(model)
    folder = DetectorFolder(
        path=path,
        classes=training.classes,
        frontend=frontend,
        frontend_hash=Frontend(tables).hash,
        frames_per_step=FRAMES_PER_STEP,
        target_delay_steps=1,
        model_sha256=hashlib.sha256(model).hexdigest(),
        model_inputs=inputs,
        model_outputs=outputs,
        events=training.events,
    )
    folder.write()
    return folder


def _tensors(model: bytes) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    graph = plan_model(model, "model").graph
    features = tensor_spec("features", graph.tensors[graph.inputs[0]])
    scores = tensor_spec("scores", graph.tensors[graph.outputs[0]])
    states = tuple(tensor_spec("state_h", graph.tensors[state.current]) for state in graph.states)
    return (features, *states), (scores, *states)


def two_trainings(
    folder: Path, network: Callable[[int], bytes] = cnn_gru_step
) -> tuple[DetectorFolder, DetectorFolder]:
    """Write two detectors that differ in weights, scales, thresholds, event settings and names of classes.

    network: returns the .tflite of a seed; its shape does not depend on the seed.
    """
    first = tuple(EventConfig(on_score=0, off_score=-10) for _ in CLASSES)
    second = (
        EventConfig(on_score=5, off_score=5, smoothing_steps=3),
        EventConfig(on_score=-5, off_score=-30, min_duration_steps=2, merge_gap_steps=1, refractory_steps=3),
        EventConfig(on_score=-20, off_score=-20, max_duration_steps=4),
    )
    return (
        write_detector(folder / "first.stapes", Training(network(3), CLASSES, first)),
        write_detector(folder / "second.stapes", Training(network(4), OTHER_CLASSES, second)),
    )


def noise_in_bursts(seconds: float = 6.0, seed: int = 8) -> NDArray[np.int16]:
    """Return int16[samples] at 16 kHz whose loudness and colour change ten times a second."""
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(int(seconds * 10)):
        noise = rng.standard_normal(1600) * 10 ** rng.uniform(0.5, 4)
        parts.append(np.cumsum(noise) / 8 if rng.random() < 0.5 else noise)
    return np.clip(np.concatenate(parts), -32768, 32767).astype(np.int16)
