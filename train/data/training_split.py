"""The part of each recording in a training, kept in the detector, so that the same recordings are judged later on.

It is training/split.tsv of a detector folder: filename, split, content. Recordings are known again by their content,
because names are used more than once, and change. With `filename` and `split` it has the form of a dataset's split.tsv.
"""

from collections.abc import Iterator

from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.errors import DetectorFolderError
from stapes.runtime.audio.convert import Channel
from stapes.runtime.labels.table import read_table
from stapes.train.data.content import content_id
from stapes.train.data.dataset import Dataset
from stapes.train.data.options import DatasetOptions, inherited_channel
from stapes.train.data.parts import SAVED, SPLITS

_COLUMNS = ("filename", "split", "content")


def training_split(dataset: Dataset, former: DetectorFolder | None) -> str:
    """Return the text of the table for a training that may learn from another detector, whose rows are kept.

    Where two files have the same content, the first of train, val and test counts.
    """
    rows: dict[str, tuple[str, str]] = {}
    for split, recordings in dataset.splits.items():
        for each in recordings:
            rows.setdefault(content_id(each.path), (each.name, split))
    for name, split, content in _rows(former) if former else ():
        rows.setdefault(content, (name, split))
    lines = sorted(f"{name}\t{split}\t{content}\n" for content, (name, split) in rows.items())
    return "\t".join(_COLUMNS) + "\n" + "".join(lines)


def read_training_split(folder: DetectorFolder) -> dict[str, str]:
    """Return content -> split of every recording of a training; {} for detectors that do not say it.

    Raises LabelError for a table that cannot be read, and DetectorFolderError for a split that does not exist.
    """
    return {content: split for _, split, content in _rows(folder)}


def inherited_options(group_pattern: str | None, channel: Channel | None, folder: DetectorFolder) -> DatasetOptions:
    """Return the options that were given, and those of training for each that is None: the dataset is read as then.

    Recordings of the training keep their split; others are split around them. Raises as `read_training_split` does.
    """
    if group_pattern is None:
        group_pattern = str(folder.provenance.get("group_pattern", ""))
    return DatasetOptions(group_pattern, inherited_channel(channel, folder), read_training_split(folder))


def _rows(folder: DetectorFolder) -> Iterator[tuple[str, str, str]]:
    path = folder.path / "training" / SAVED
    if not path.is_file():
        return
    for place, row in read_table(path, _COLUMNS):
        if row["split"] not in SPLITS:
            raise DetectorFolderError(
                f"{place}: split {row['split']!r} is none of {', '.join(SPLITS)}; copy the detector again, or delete "
                "this file to split anew"
            )
        yield row["filename"], row["split"], row["content"]
