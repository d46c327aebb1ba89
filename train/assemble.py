"""The end of a training run: event settings, scores, parity and known answers, written as one detector folder."""

import hashlib
import json
import logging
import platform
import zlib
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from stapes.convert.compile import compile_model, detector_name
from stapes.firmware_sim.device.events import EventConfig, EventDecoder, completed
from stapes.firmware_sim.device.folder import DetectorFolder, new_detector_folder, read_folder
from stapes.firmware_sim.device.frontend import Frontend
from stapes.firmware_sim.device.selftest import selftest_pcm
from stapes.runtime.litert_engine import LitertEngine
from stapes.runtime.sound_conditions import BackgroundLevels, SoundConditions
from stapes.train.data.dataset import Dataset
from stapes.train.data.parts import SAVED
from stapes.train.data.training_split import training_split
from stapes.train.judge.metrics import EventScores, onset_collar
from stapes.train.judge.operating_point import OperatingPoint
from stapes.train.judge.overlap import content_ids
from stapes.train.judge.parity import Parity, compare_forms
from stapes.train.judge.score_levels import event_free_levels
from stapes.train.judge.scored import event_scores_of, score_recordings
from stapes.train.learn.backbone import Backbone
from stapes.train.learn.fit import Scorer
from stapes.train.learn.sources import Sources
from stapes.train.learn.train_networks import TrainedNetworks
from stapes.train.learn.training_data import TrainingData
from stapes.train.learn.workspace import HISTORY, Workspace
from stapes.train.settings import Settings, write_settings

logger = logging.getLogger(__name__)

VECTOR_STEPS = 128
PACKAGES = ("stapes", "numpy", "tensorflow", "tf-keras", "tensorflow-model-optimization", "ai-edge-litert", "soxr")


@dataclass(frozen=True)
class FinishedTraining:
    """Everything that a detector folder is made from."""

    dataset: Dataset
    sources: Sources  # what was learned from beside the dataset
    data: TrainingData
    networks: TrainedNetworks
    settings: Settings
    workspace: Workspace  # holds the history of the training


def assemble(training: FinishedTraining, out: Path, *, force: bool) -> DetectorFolder:
    """Choose the operating point on the scores of the int8 model, and write the detector folder in one go.

    Raises OutputError when `out` exists and cannot be replaced, or cannot be written.
    """
    data, networks, val = training.data, training.networks, training.dataset.splits["val"]
    settings = training.settings.operating_point
    with new_detector_folder(out, force=force) as draft:
        (draft / "frontend.bin").write_bytes(data.tables)
        (draft / "model.tflite").write_bytes(networks.step.model)
        folder = _describe(training, draft)
        scored = score_recordings(folder, val, data.val_features)
        quiet = training.sources.background.val
        background = score_recordings(folder, quiet, data.background_features) if quiet else None
        point = OperatingPoint(scored, settings, background=background)
        folder = replace(folder, events=point.configs)
        scores = event_scores_of(scored, val, point.configs, onset_collar(settings.collar_percent))
        in_float = Scorer(networks.float_network).probabilities(data.val_features)
        quantized = Scorer(networks.quantized_network).probabilities(data.val_features)
        parity = compare_forms(
            in_float, quantized, scored, point.configs, settings, with_background=background is not None
        )
        folder = replace(
            folder,
            scores={
                "val": scores.as_dict(),
                "note": "thresholds were chosen on val",
                "parity": parity.as_dict(),
                "event_free": event_free_levels(scored),
            },
            operating_point=point.describe("val", point.expected_on_other_sources())
            | {"recordings": _chosen_on(training)},
        )
        folder.write()
        compile_model(folder.model, draft / "c", detector_name(out))
        _write_vectors(folder, draft / "vectors")
        _write_training(training, draft / "training")
    _log_scores(scores, point, parity)
    for line in point.warnings():
        logger.warning(line)
    return read_folder(out)


def _describe(training: FinishedTraining, draft: Path) -> DetectorFolder:
    """Return the detector folder with the default event settings and without scores."""
    data, settings, step, sources = training.data, training.settings, training.networks.step, training.sources
    start, teacher = sources.start, sources.teacher
    former = start.provenance if start else {}
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
            "dataset": training.dataset.fingerprint(),
            "group_pattern": training.dataset.options.group_pattern,
            "channel": training.dataset.options.channel or "mean",
            "trained_on": sorted({*content_ids(training.dataset.splits["train"]), *sources.learned_contents()}),
            "seed": settings.seed,
            "sound": _sound(training).as_dict(),
            "backbone": former.get("backbone") or _backbone(training.networks.backbone),
            "from_model": start.model_sha256 if start else None,
            "teacher_model": teacher.model_sha256 if teacher else former.get("teacher_model"),
            "python": platform.python_version(),
            "packages": {name: version(name) for name in PACKAGES},
        },
    )


def _chosen_on(training: FinishedTraining) -> list[str]:
    """Return the identities of the recordings on which this detector, or its teacher, was chosen."""
    sources = training.sources
    own = content_ids([*training.dataset.splits["val"], *sources.background.val])
    of_teacher = sources.teacher.operating_point.get("recordings", ()) if sources.teacher else ()
    return list(dict.fromkeys([*own, *of_teacher]))


def _backbone(backbone: Backbone | None) -> dict[str, str | int] | None:
    if backbone is None:
        return None
    return {"file": backbone.source, "sha256": backbone.sha256, "layers": backbone.layers}


def _sound(training: FinishedTraining) -> SoundConditions:
    """Return the levels and spectra that the network was trained on, by the detector that it goes on from, too."""
    data, settings = training.data, training.settings.augmentation
    levels = []
    for index in range(len(data.train)):
        background = BackgroundLevels(data.frontend.config)
        background.add(data.frontend.features(data.train.recording(index)))
        if data.train.recording(index).any():  # digital silence is no room
            levels.append(background.levels)
    own, start = SoundConditions.of(levels, settings.gain_db, settings.microphone_filter_db), training.sources.start
    former = SoundConditions.from_dict(start.provenance.get("sound")) if start else None
    return own.joined(former) if former else own


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


def _write_training(training: FinishedTraining, target: Path) -> None:
    """Write the settings, the split of the recordings, the history, and the weights of both networks."""
    networks = training.networks
    target.mkdir()
    (target / "settings.toml").write_text(write_settings(training.settings), encoding="utf-8")
    (target / SAVED).write_text(training_split(training.dataset, training.sources.former), encoding="utf-8")
    history = training.workspace.path / HISTORY
    if history.exists():
        (target / HISTORY).write_text(history.read_text(encoding="utf-8"), encoding="utf-8")
    for name, network in (("float", networks.float_network), ("quantized", networks.quantized_network)):
        weights = {f"variable_{index:03}": variable.numpy() for index, variable in enumerate(network.variables)}
        np.savez(target / f"{name}.npz", **weights)


def _log_scores(scores: EventScores, point: OperatingPoint, parity: Parity) -> None:
    logger.info(
        f"val: macro event F1 {scores.macro_f1_onset:.3f} by onset, {scores.macro_f1_onset_offset:.3f} by onset and "
        f"offset, {scores.macro_f1_overlap:.3f} by overlap (thresholds were chosen on val)"
    )
    logger.info(
        "val: false alarms that touch no event, per hour without events: "
        + ", ".join(f"{each.label} {each.rate}" for each in point.points)
    )
    for line in parity.lines():
        logger.info(line)
