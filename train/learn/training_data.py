"""The data of a training run: the sounds of train and val, the features of val, and training batches."""

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
from stapes.train.learn.excerpts import Excerpts
from stapes.train.learn.mining import Mining, most_heard_s
from stapes.train.learn.sources import Sources
from stapes.train.learn.teacher import Lessons, Teacher
from stapes.train.learn.workspace import Workspace
from stapes.train.settings import Settings, TrainingSettings

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
    teacher: Teacher | None = None
    unlabelled: Corpus | None = None  # recordings that the teacher alone gives targets


def load_training_data(dataset: Dataset, settings: Settings, workspace: Workspace, sources: Sources) -> TrainingData:
    """Read the recordings, and compute the features of what is not trained on with the C code of the device.

    Raises AudioError, DatasetError and OutputError as `load_corpus` does, and what `Teacher` raises.
    """
    tables = make_tables(settings.frontend)
    frontend = Frontend(tables)
    rate = settings.frontend.sample_rate_hz
    train, val = (
        load_corpus(split, dataset.splits[split], dataset.classes, rate, workspace.path / f"{split}.s16", outside)
        for split, outside in (("train", sources.background.train), ("val", ()))
    )
    unlabelled = None
    if sources.unlabelled:
        unlabelled = load_corpus("unlabelled", sources.unlabelled, (), rate, workspace.path / "unlabelled.s16")
    clock = settings.clock
    quiet = (recording.pcm(rate) for recording in sources.background.val)
    return TrainingData(
        classes=dataset.classes,
        frontend=frontend,
        tables=tables,
        clock=clock,
        train=train,
        val=val,
        val_features=[frontend.features(with_tail(clock, val.recording(index))) for index in range(len(val))],
        background_features=[frontend.features(with_tail(clock, pcm)) for pcm in quiet],
        teacher=Teacher(sources.teacher, dataset.classes, clock) if sources.teacher else None,
        unlabelled=unlabelled,
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
        lessons=_lessons(data, settings.training, samples),
    )


def _lessons(data: TrainingData, settings: TrainingSettings, samples: int) -> Lessons | None:
    if data.teacher is None:
        return None
    unlabelled = Excerpts(data.unlabelled, samples) if data.unlabelled is not None else None
    return Lessons(data.teacher, settings.teacher_share, unlabelled, settings.unlabelled_share)


def mining_of(data: TrainingData, settings: Settings, maker: BatchMaker) -> Mining:
    """Return what finds the hard negatives of the batches that `maker` makes."""
    return Mining(
        corpus=data.train,
        pieces=maker.remixer.hard_pieces,
        frontend=data.frontend,
        clock=data.clock,
        seed=settings.seed,
        most_s=most_heard_s(settings),
    )
