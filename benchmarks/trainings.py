"""Train the detectors of the accuracy benchmark that do not exist yet, several at a time if asked to."""

import logging
import multiprocessing
import tomllib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stapes.firmware_sim.device.folder import read_folder
from stapes.firmware_sim.errors import StapesError
from stapes.runtime.console import show
from stapes.train.data.dataset import open_dataset
from stapes.train.data.options import DatasetOptions
from stapes.train.learn.sources import Sources
from stapes.train.settings import Settings, write_settings

logger = logging.getLogger("stapes.benchmarks.trainings")


@dataclass(frozen=True)
class Training:
    """A detector to be trained."""

    dataset: Path
    group_pattern: str
    out: Path
    settings: Settings
    teacher: Path | None = None  # a detector that exists when the training begins


def train_missing(trainings: Sequence[Training], jobs: int) -> None:
    """Train the detectors that do not exist, `jobs` at a time, each in a process of its own.

    Raises StapesError for one that exists and was trained with other settings, and what training raises.
    """
    missing = [each for each in trainings if not _exists(each)]
    logger.info(f"{len(trainings)} detectors, {len(missing)} of them to be trained")
    if not missing:
        return
    context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
    with ProcessPoolExecutor(jobs, mp_context=context, max_tasks_per_child=1) as pool:
        for done in pool.map(_train, missing):
            logger.info(f"{done} is trained")


def _exists(training: Training) -> bool:
    if not training.out.exists():
        return False
    written = tomllib.loads((training.out / "training" / "settings.toml").read_text(encoding="utf-8"))
    if not _agree(written, tomllib.loads(write_settings(training.settings))):
        raise StapesError(
            f"{training.out}: was trained with other settings than its configuration has now; "
            "move it away to have it trained again"
        )
    if training.teacher and _taught_by(training.out) != read_folder(training.teacher).model_sha256:
        raise StapesError(
            f"{training.out}: did not learn from {training.teacher} as it is now; move it away to have it trained again"
        )
    return True


def _taught_by(path: Path) -> str | None:
    model: str | None = read_folder(path).provenance.get("teacher_model")
    return model


def _agree(written: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Return whether settings are equal as far as both name them: stapes may have had others then."""
    return all(
        _agree(written[name], wanted[name]) if isinstance(wanted[name], dict) else written[name] == wanted[name]
        for name in set(written) & set(wanted)
    )


def _train(training: Training) -> Path:
    from stapes.train.run import train_detector  # loads TensorFlow

    show()
    training.out.parent.mkdir(parents=True, exist_ok=True)
    dataset = open_dataset(training.dataset, DatasetOptions(training.group_pattern))
    teacher = read_folder(training.teacher) if training.teacher else None
    train_detector(dataset, training.out, training.settings, Sources(teacher=teacher))
    return training.out
