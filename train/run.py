"""A training run, from a dataset to a detector folder."""

import logging
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from stapes.firmware_sim.device.folder import MARK, DetectorFolder
from stapes.firmware_sim.errors import DatasetError, StapesError
from stapes.firmware_sim.outputs import require_new_folder
from stapes.runtime.console import part_of
from stapes.train.assemble import FinishedTraining, assemble
from stapes.train.data.background import split_background
from stapes.train.data.dataset import Dataset, Recording, require_trainable
from stapes.train.judge.overlap import content_ids
from stapes.train.learn.logs import TrainingLog
from stapes.train.learn.time_left import TimeLeft, parts_of
from stapes.train.learn.train_networks import train_networks
from stapes.train.learn.training_data import load_training_data
from stapes.train.learn.workspace import Workspace
from stapes.train.settings import Settings, write_settings

logger = logging.getLogger(__name__)


def train_detector(
    dataset: Dataset,
    out: Path,
    settings: Settings,
    *,
    background: Sequence[Recording] = (),
    start: DetectorFolder | None = None,
    force: bool = False,
    tensorboard: Path | None = None,
) -> DetectorFolder:
    """Train on the split `train`, choose the event settings on `val`, and write the detector folder `out`.

    `background` are recordings that are free of events: most are trained with, others are kept aside to count false
    alarms on when the event settings are chosen. `start` is a detector whose weights training goes on from; the
    settings are those of `fine_tuning_settings`. The same recordings, settings and machine give the same weights. A run
    that was stopped continues when it is started again with the same arguments. TensorBoard can show the curves that
    are written to the folder `tensorboard`. Raises OutputError when `out` exists and `force` is not set, and when
    another training writes there; DatasetError when the dataset cannot be trained on.
    """
    require_new_folder(out, force, MARK)
    require_trainable(dataset)
    settings.operating_point.require_classes(dataset.classes)
    if start and start.classes != dataset.classes:
        raise DatasetError(
            f"{dataset.path}: its classes are {', '.join(dataset.classes)}, but those of {start.path} are "
            f"{', '.join(start.classes)}: training goes on with the same classes only"
        )
    quiet = split_background(background)
    begin = start.model_sha256 if start else ""
    key = "\n".join(
        [version("stapes"), dataset.fingerprint(), write_settings(settings), begin, *content_ids(background)]
    )
    workspace = Workspace(out, key)
    val_s = sum(each.duration_s for each in dataset.splits["val"])
    try:
        with part_of(TimeLeft(list(parts_of(settings, len(dataset.classes), val_s)))):
            data = load_training_data(dataset, settings, workspace, quiet)
            networks = train_networks(data, settings, workspace, TrainingLog(workspace, tensorboard), start)
            folder = assemble(
                FinishedTraining(dataset, quiet, start, data, networks, settings, workspace), out, force=force
            )
    except KeyboardInterrupt:
        logger.info(f"stopped; the same command continues from here (the state is kept in {workspace.path.name})")
        raise
    except StapesError:
        workspace.remove_without_state()
        raise
    else:
        workspace.remove()
        return folder
    finally:
        workspace.close()
