"""The end of a training run: event settings, scores, parity and known answers, written as one detector folder."""

import hashlib
import json
import logging
import platform
import zlib
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from stapes.convert.compile import compile_model
from stapes.convert.lower.names import module_name
from stapes.firmware_sim.device.events import EventConfig, EventDecoder, completed
from stapes.firmware_sim.device.folder import DetectorFolder, new_detector_folder, read_folder
from stapes.firmware_sim.device.frontend import Frontend
from stapes.firmware_sim.device.selftest import selftest_pcm
from stapes.runtime.litert_engine import LitertEngine
from stapes.train.data.dataset import Dataset
from stapes.train.judge.metrics import EventScores
from stapes.train.judge.operating_point import OperatingPoint
from stapes.train.judge.overlap import content_ids
from stapes.train.judge.parity import Parity, compare_forms
from stapes.train.judge.scored import event_scores_of, score_recordings
from stapes.train.learn.fit import Scorer
from stapes.train.learn.train_networks import TrainedNetworks
from stapes.train.learn.training_data import TrainingData
from stapes.train.learn.workspace import Workspace
from stapes.train.settings import Settings, write_settings

logger = logging.getLogger(__name__)

VECTOR_STEPS = 128
PACKAGES = ("stapes", "numpy", "tensorflow", "tf-keras", "tensorflow-model-optimization", "ai-edge-litert", "soxr")


def assemble(
    dataset: Dataset,
    data: TrainingData,
    trained: TrainedNetworks,
    settings: Settings,
    workspace: Workspace,
    out: Path,
    *,
    force: bool,
) -> DetectorFolder:
    """Choose the operating point on the scores of the int8 model, and write the detector folder in one go."""
    with new_detector_folder(out, force=force) as draft:
        val = dataset.splits["val"]
        (draft / "frontend.bin").write_bytes(data.tables)
        (draft / "model.tflite").write_bytes(trained.step.model)
        folder = _describe(dataset, data, trained, settings, draft)
        scored = score_recordings(folder, val, data.val_features)
        point = OperatingPoint(scored, settings.operating_point)
        configs = point.configs
        folder = replace(folder, events=configs)
        scores = event_scores_of(scored, val, configs)
        networks = trained.float_network, trained.quantized_network
        in_float, quantized = (Scorer(network).probabilities(data.val_features) for network in networks)
        parity = compare_forms(in_float, quantized, scored, configs, settings.operating_point)
        folder = replace(
            folder,
            scores={
                "val": scores.as_dict(),
                "note": "thresholds were chosen on val",
                "parity": parity.as_dict(),
            },
            operating_point=point.describe("val", point.expected_on_other_sources()) | {"recordings": content_ids(val)},
        )
        folder.write()
        compile_model(folder.model, draft / "c", module_name(out.stem, "detector"))
        _write_vectors(folder, draft / "vectors")
        _write_training(trained, settings, workspace, draft / "training")
    _say(scores, parity)
    for line in point.unmet_budgets():
        logger.warning(line)
    return read_folder(out)


def _describe(
    dataset: Dataset, data: TrainingData, trained: TrainedNetworks, settings: Settings, draft: Path
) -> DetectorFolder:
    step = trained.step
    return DetectorFolder(
        path=draft,
        classes=data.classes,
        frontend=settings.frontend,
        frontend_hash=data.frontend.hash,
        frames_per_step=settings.network.frames_per_step,
        target_delay_steps=settings.network.target_delay_steps,
        model_sha256=hashlib.sha256(step.model).hexdigest(),
        model_inputs=step.inputs,
        model_outputs=step.outputs,
        events=tuple(EventConfig() for _ in data.classes),
        provenance={
            "dataset": dataset.fingerprint(),
            "group_pattern": dataset.group_pattern,
            "trained_on": content_ids(dataset.splits["train"]),
            "seed": settings.seed,
            "python": platform.python_version(),
            "packages": {name: version(name) for name in PACKAGES},
        },
    )


def _write_vectors(folder: DetectorFolder, target: Path) -> None:
    """Write the known answers to the self-test's sound.

    Checksums are enough to compare; the scores and the features of the first step help to find where a target differs.
    """
    pcm = selftest_pcm(folder.frontend.samples_of(VECTOR_STEPS * folder.frames_per_step))
    features = Frontend(folder.tables).features(pcm)
    scores = LitertEngine(folder).run(features.reshape(VECTOR_STEPS, folder.frames_per_step, -1))
    # With the median of these scores as thresholds there are events, whatever the classes of the detector are.
    configs = [EventConfig(on_score=max(-127, level), off_score=max(-127, level)) for level in _medians(scores)]
    decoder = EventDecoder(folder.classes, configs, folder.clock)
    events = completed(decoder.push(scores) + decoder.flush())
    target.mkdir()
    answers = {
        "sound": "stapes.firmware_sim.device.selftest",
        "samples": len(pcm),
        "pcm_crc32": zlib.crc32(pcm.astype("<i2").tobytes()),
        "features_crc32": zlib.crc32(features.tobytes()),
        "scores_crc32": zlib.crc32(scores.tobytes()),
        "features_first_step": features[: folder.frames_per_step].tolist(),
        "scores": scores.tolist(),
        "event_thresholds": [config.on_score for config in configs],
        "events": [[event.label, event.onset_sample, event.offset_sample] for event in events],
    }
    (target / "answers.json").write_text(json.dumps(answers) + "\n", encoding="utf-8")


def _medians(scores: np.ndarray) -> list[int]:
    return [int(level) for level in np.quantile(scores, 0.5, axis=0, method="higher")]


def _write_training(trained: TrainedNetworks, settings: Settings, workspace: Workspace, target: Path) -> None:
    target.mkdir()
    (target / "settings.toml").write_text(write_settings(settings), encoding="utf-8")
    history = workspace.path / "history.csv"
    if history.exists():
        (target / "history.csv").write_text(history.read_text(encoding="utf-8"), encoding="utf-8")
    for name, network in (("float", trained.float_network), ("quantized", trained.quantized_network)):
        weights = {f"variable_{index:03}": variable.numpy() for index, variable in enumerate(network.variables)}
        np.savez(target / f"{name}.npz", **weights)


def _say(scores: EventScores, parity: Parity) -> None:
    logger.info(
        f"val: macro event F1 {scores.macro_f1_onset:.3f} by onset, {scores.macro_f1_onset_offset:.3f} by onset and "
        f"offset, {scores.false_alarms_per_hour:.0f} false alarms per hour (thresholds were chosen on val)"
    )
    for line in parity.lines():
        logger.info(line)
