"""What a training run works on: sounds, features of the validation part, and batches made of them."""

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.frontend import Frontend, make_tables
from stapes.firmware_sim.device.tail import with_tail
from stapes.train.data.corpus import Corpus, load_corpus
from stapes.train.data.dataset import Dataset
from stapes.train.learn.augment import BatchMaker, Remixer
from stapes.train.learn.workspace import Workspace
from stapes.train.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Material:
    """What a run works on: sounds, features of the validation part, and the frontend that made them."""

    classes: tuple[str, ...]
    frontend: Frontend
    tables: bytes
    clock: StepClock
    train: Corpus
    val: Corpus
    val_names: tuple[str, ...]
    val_groups: tuple[str, ...]
    val_features: list[NDArray[np.int8]]  # of each recording and its tail


def gather(dataset: Dataset, settings: Settings, workspace: Workspace) -> Material:
    """Read the recordings and compute the validation part's features with the C of the device."""
    tables = make_tables(settings.frontend)
    frontend = Frontend(tables)
    rate = settings.frontend.sample_rate_hz
    parts = {
        part: load_corpus(part, dataset.splits[part], dataset.classes, rate, workspace.path / f"{part}.s16")
        for part in ("train", "val")
    }
    val = dataset.splits["val"]
    clock = settings.clock
    return Material(
        classes=dataset.classes,
        frontend=frontend,
        tables=tables,
        clock=clock,
        train=parts["train"],
        val=parts["val"],
        val_names=tuple(recording.name for recording in val),
        val_groups=tuple(recording.group for recording in val),
        val_features=[frontend.features(with_tail(clock, parts["val"].recording(index))) for index in range(len(val))],
    )


def batch_maker(material: Material, settings: Settings) -> BatchMaker:
    """Return what makes training batches of these recordings."""
    samples = settings.frontend.samples_of(settings.sequence_steps * settings.network.frames_per_step)
    remixer = Remixer(material.train, len(material.classes), samples, settings.augmentation)
    for label, runs in zip(material.classes, remixer.runs, strict=True):
        if not runs:
            logger.warning(
                f"no event of {label!r} is clear enough to be cut out and mixed anew; it is used where it stands"
            )
    return BatchMaker(
        remixer,
        material.frontend,
        material.clock,
        settings.sequence_steps,
        len(material.classes),
        settings.augmentation,
        settings.seed,
        settings.training.batch_sequences,
    )
