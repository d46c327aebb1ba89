"""A training run, from a dataset to a detector folder."""

import logging
from importlib.metadata import version
from pathlib import Path

from stapes.firmware_sim.device.folder import MARK, DetectorFolder
from stapes.firmware_sim.errors import StapesError
from stapes.firmware_sim.outputs import require_new_folder
from stapes.runtime.console import part_of
from stapes.train.assemble import FinishedTraining, assemble
from stapes.train.data.content import content_id
from stapes.train.data.dataset import Dataset, require_trainable
from stapes.train.learn.backbone import read_backbone
from stapes.train.learn.backbone_cache import backbone_path
from stapes.train.learn.logs import TrainingLog
from stapes.train.learn.mining import most_heard_s
from stapes.train.learn.sources import Sources
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
    sources: Sources | None = None,
    *,
    force: bool = False,
    tensorboard: Path | None = None,
) -> DetectorFolder:
    """Train on the split `train`, choose the event settings on `val`, and write the detector folder `out`.

    With `sources.start`, a detector whose weights training goes on from, the settings are those of
    `fine_tuning_settings`. The same recordings, settings and machine give the same weights. A run that was stopped
    continues when it is started again with the same arguments. TensorBoard can show the curves that are written to the
    folder `tensorboard`. Raises OutputError when `out` exists and `force` is not set, and when another training writes
    there; DatasetError when the dataset cannot be trained on, and as `Sources.require_suitable` does.
    """
    require_new_folder(out, force, MARK)
    require_trainable(dataset)
    settings.operating_point.require_classes(dataset.classes)
    sources = sources or Sources()
    sources.require_suitable(dataset, settings)
    for line in sources.warnings(dataset):
        logger.warning(line)
    workspace = Workspace(out, key_of(dataset, settings, sources))
    train_s = sum(each.duration_s for each in (*dataset.splits["train"], *sources.background.train))
    scored_s = sum(each.duration_s for each in dataset.splits["val"]) + min(train_s, most_heard_s(settings))
    try:
        with part_of(TimeLeft(list(parts_of(settings, len(dataset.classes), scored_s)))):
            data = load_training_data(dataset, settings, workspace, sources)
            networks = train_networks(data, settings, workspace, TrainingLog(workspace, tensorboard), sources.start)
            folder = assemble(FinishedTraining(dataset, sources, data, networks, settings, workspace), out, force=force)
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


def key_of(dataset: Dataset, settings: Settings, sources: Sources) -> str:
    """Return text that is the same only for trainings with the same result: a stopped one is continued by it.

    The fingerprint of a dataset is compared across computers and versions; this also holds what training alone hears.
    """
    lines = [version("stapes"), dataset.fingerprint(), write_settings(settings), *sources.identity()]
    for each in dataset.recordings:
        lines.append(content_id(each.path))
        lines += [f"ignored {event.onset:.6f} {event.offset:.6f} {event.label}" for event in each.ignored]
    if settings.network.backbone and not sources.start:
        lines.append(f"backbone {read_backbone(backbone_path(settings.network.backbone)).sha256}")
    return "\n".join(lines)
