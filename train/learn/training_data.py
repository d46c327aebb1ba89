"""The data of a training run: the sounds of train and val, the features of val, and training batches."""

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.frontend import Frontend, make_tables
from stapes.firmware_sim.device.tail import with_tail
from stapes.train.data.background import Background
from stapes.train.data.corpus import Corpus, load_corpus
from stapes.train.data.dataset import Dataset
from stapes.train.learn.augment import BatchMaker, Remixer
from stapes.train.learn.workspace import Workspace
from stapes.train.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingData:
    """The data of a training run, and the frontend that computes its features."""

    classes: tuple[str, ...]
    frontend: Frontend
    tables: bytes  # of the frontend: the contents of frontend.bin
    clock: StepClock
    train: Corpus
    val: Corpus
    val_features: list[NDArray[np.int8]]  # [frames, bands] of each recording of val with its tail
    background_features: list[NDArray[np.int8]]  # the same of the background's part `val`


def load_training_data(
    dataset: Dataset, settings: Settings, workspace: Workspace, background: Background
) -> TrainingData:
    """Read the recordings, and compute the features of what is not trained on with the C code of the device.

    Raises AudioError, DatasetError and OutputError as `load_corpus` does.
    """
    tables = make_tables(settings.frontend)
    frontend = Frontend(tables)
    rate = settings.frontend.sample_rate_hz
    train, val = (
        load_corpus(split, dataset.splits[split], dataset.classes, rate, workspace.path / f"{split}.s16", outside)
        for split, outside in (("train", background.train), ("val", ()))
    )
    clock = settings.clock
    quiet = (recording.pcm(rate) for recording in background.val)
    return TrainingData(
        classes=dataset.classes,
        frontend=frontend,
        tables=tables,
        clock=clock,
        train=train,
        val=val,
        val_features=[frontend.features(with_tail(clock, val.recording(index))) for index in range(len(val))],
        background_features=[frontend.features(with_tail(clock, pcm)) for pcm in quiet],
    )


def batch_maker(data: TrainingData, settings: Settings) -> BatchMaker:
    """Return what makes training batches from these recordings."""
    samples = settings.frontend.samples_of(settings.sequence_steps * settings.network.frames_per_step)
    remixer = Remixer(data.train, len(data.classes), samples, settings.augmentation)
    for label, runs in zip(data.classes, remixer.runs, strict=True):
        if not runs:
            logger.warning(
                f"no event of {label!r} is clear enough to be mixed into other sounds; they are used only in place"
            )
    return BatchMaker(
        remixer=remixer,
        frontend=data.frontend,
        clock=data.clock,
        settings=settings.augmentation,
        seed=settings.seed,
        n_classes=len(data.classes),
        n_sequences=settings.training.batch_sequences,
        n_steps=settings.sequence_steps,
    )
