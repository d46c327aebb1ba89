"""What the benchmark of accuracy holds out: some scenes of soundscapes, or one keyboard of keystrokes (../shared/data).

A recording with any scene of a fold is held out, and `room` is always trained on. Training and every choice of settings
see the other recordings alone. A fold is written as a folder of links that `stapes train` reads: train/, val/ and, with
what is judged, test/.
"""

import csv
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stapes.firmware_sim.errors import DatasetError
from stapes.runtime.labels import Annotation
from stapes.train.data.dataset import Dataset, Recording, open_dataset
from stapes.train.data.options import DatasetOptions

SOUNDSCAPES, KEYSTROKES = Path("../shared/data/soundscapes"), Path("../shared/data/keystrokes")
SCENES = (
    frozenset({"rain", "sea"}),
    frozenset({"helicopter", "fire"}),
    frozenset({"boiling-water", "frying-pan", "stove-burner"}),
    frozenset({"dishwasher", "stove-fan", "water-flowing"}),
)
ROOMS = tuple(range(1, len(SCENES) + 1))  # numbers of the folds
KEYBOARDS = ("G213", "Main", "K3P", "CA_tb14")
KEYBOARD_PATTERN = "^[^_]+"  # the group of a recording of keystrokes


@dataclass(frozen=True)
class Fold:
    """Recordings that a detector is made with, and those that it is judged on."""

    name: str  # of its files: scape1, keys_Main
    made_with: dict[str, list[Recording]]  # train, and val where the dataset has one: for every choice of settings
    judged: list[Recording]
    held_out: list[Recording]  # all recordings that the detector never saw, `judged` among them
    group_pattern: str = ""


def room_fold(dataset: Dataset, number: int) -> Fold:
    """Return fold `number` of soundscapes: val is judged, and alarms are counted in its scenes in train as well."""
    scenes = {
        f"{split}/audio/{row['filename']}": set(row["scene"].split("+"))
        for split in ("train", "val")
        for row in read_table(dataset.path / split / "soundscapes.tsv")
    }
    out = {
        split: [each for each in dataset.splits[split] if scenes[each.name] & SCENES[number - 1]]
        for split in ("train", "val")
    }
    made_with = {
        split: [each for each in dataset.splits[split] if not scenes[each.name] & SCENES[number - 1]] for split in out
    }
    return Fold(f"scape{number}", made_with, out["val"], [*out["train"], *out["val"]])


def keyboard_fold(dataset: Dataset, keyboard: str) -> Fold:
    """Return keystrokes without one keyboard, whose recordings are judged; the others are not split yet."""
    own = [each for each in dataset.recordings if each.path.name.startswith(f"{keyboard.split('_')[0]}_")]
    others = [each for each in dataset.recordings if each not in own]
    return Fold(f"keys_{keyboard}", {"train": others}, own, own, KEYBOARD_PATTERN)


def distractors(dataset: Dataset) -> dict[str, list[Annotation]]:
    """Return the sounds of soundscapes that are no events, by the name of their recording."""
    named: dict[str, list[Annotation]] = {}
    for split in ("train", "val"):
        for row in read_table(dataset.path / split / "distractors.tsv"):
            interval = Annotation(float(row["onset"]), float(row["offset"]), row["kind"])
            named.setdefault(f"{split}/audio/{row['filename']}", []).append(interval)
    return named


def open_folds_of(path: Path, group_pattern: str = "") -> Dataset:
    """Read a dataset of the benchmark. Raises DatasetError where it is absent."""
    if not path.is_dir():
        raise DatasetError(f"{path}: no such folder; the accuracy benchmark needs this dataset, which is not in here")
    return open_dataset(path, DatasetOptions(group_pattern))


def write_links(fold: Fold, folder: Path) -> Path:
    """Write the fold as a dataset: links to its recordings, and their labels with their sources. Return its path."""
    path = folder / fold.name
    shutil.rmtree(path, ignore_errors=True)
    for split, recordings in (fold.made_with | {"test": fold.judged}).items():
        (path / split / "audio").mkdir(parents=True)
        for each in recordings:
            os.symlink(each.path.resolve(), path / split / "audio" / each.path.name)
        with (path / split / "labels.tsv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter="\t", lineterminator="\n")
            writer.writerow(("filename", "onset", "offset", "event_label", "source"))
            writer.writerows(_label_rows(recordings))
    return path


def _label_rows(recordings: Sequence[Recording]) -> Iterable[tuple[str, float | str, float | str, str, str]]:
    """Yield a row per event, and a row without an event for a recording that has none."""
    for each in recordings:
        for event in each.annotations:
            yield each.path.name, event.onset, event.offset, event.label, event.columns.get("source", "")
        if not each.annotations:
            yield each.path.name, "", "", "", ""


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table with tabs and a line of headings. Raises DatasetError for one that cannot be read."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file, delimiter="\t"))
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error
