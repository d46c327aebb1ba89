"""A whole detector folder around tests/helpers/tiny_model.py, and noise bursts that it hears."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tiny_model import BEFORE_FRAMES, FEATURE_SCALE, tiny_step_model

from stapes.firmware_sim.device.events import EventConfig
from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, make_tables
from stapes.firmware_sim.device.model_description import TensorSpec

CLASSES = ("rumble", "hiss")  # the lower and the upper half of the bands
FRAMES_PER_STEP = 2
RATE = 16_000


def write_tiny_detector(path: Path, frontend: FrontendConfig | None = None, delay_steps: int = 1) -> DetectorFolder:
    """Write a detector folder that hears `rumble` and `hiss`, `delay_steps` late; `path` must not exist."""
    kept_frames = BEFORE_FRAMES + (delay_steps - 1) * FRAMES_PER_STEP
    frontend = frontend or FrontendConfig()
    path.mkdir()
    model, tables = tiny_step_model(frontend.n_bands, FRAMES_PER_STEP, len(CLASSES), kept_frames), make_tables(frontend)
    (path / "model.tflite").write_bytes(model)
    (path / "frontend.bin").write_bytes(tables)
    features = TensorSpec(
        name="features", shape=(1, FRAMES_PER_STEP, frontend.n_bands, 1), scale=FEATURE_SCALE, zero_point=0
    )
    state = TensorSpec(
        name="state_frames", shape=(1, kept_frames, frontend.n_bands, 1), scale=FEATURE_SCALE, zero_point=0
    )
    folder = DetectorFolder(
        path=path,
        classes=CLASSES,
        frontend=frontend,
        frontend_hash=Frontend(tables).hash,
        frames_per_step=FRAMES_PER_STEP,
        target_delay_steps=delay_steps,
        model_sha256=hashlib.sha256(model).hexdigest(),
        model_inputs=(features, state),
        model_outputs=(TensorSpec(name="scores", shape=(1, len(CLASSES)), scale=1 / 256, zero_point=-128), state),
        events=tuple(EventConfig(smoothing_steps=3, min_duration_steps=2, merge_gap_steps=2) for _ in CLASSES),
    )
    folder.write()
    return folder


def noise_bursts(
    seconds: float, bursts: list[tuple[float, float, str]], rate: int = RATE, seed: int = 5
) -> NDArray[np.int16]:
    """Return int16[samples]: faint noise and per (onset, offset, class) loud noise in the class's half of the bands."""
    generator = np.random.default_rng(seed)
    pcm = generator.standard_normal(int(seconds * rate)) * 4
    for onset, offset, label in bursts:
        first, last = int(onset * rate), int(offset * rate)
        spectrum = np.fft.rfft(generator.standard_normal(last - first))
        hz = np.fft.rfftfreq(last - first, 1 / rate)
        low, high = (60, 1200) if label == "rumble" else (2600, 7500)
        spectrum[(hz < low) | (hz > high)] = 0
        burst = np.fft.irfft(spectrum, last - first)
        pcm[first:last] += burst / burst.std() * np.geomspace(2000, 8000, last - first)
    return np.clip(np.rint(pcm), -32768, 32767).astype(np.int16)
