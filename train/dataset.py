"""A folder of labelled recordings, read as it is found: splits, labels, groups, and what is wrong with them.

DATASET/                  train/, val/, test/ inside it are the splits; else recordings are split by group
  **/*.wav .flac .ogg …   audio, at any depth, any rate, any number of channels
  labels.tsv              filename, onset, offset, event_label [, group]; in the split or in DATASET; audio it does not
                          name is free of events
  events_meta.tsv         optional, beside labels.tsv: the same rows with further columns, such as snr_db and source
  **/*.txt                without labels.tsv: an Audacity label track per recording, same stem; audio without one is
                          not annotated and left out
  label_map.tsv           optional: label, class; an empty class means that the label is ignored
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from stapes.firmware_sim.errors import AudioError, DatasetError, StapesError
from stapes.runtime.audio import FILE_SUFFIXES, AudioFile
from stapes.runtime.labels import Annotation, duplicates
from stapes.train.findings import Findings, Note
from stapes.train.label_sources import Labels, TableOfLabels, audacity_labels, hidden, read_label_map
from stapes.train.split import FRACTIONS, HELD_OUT, split_groups

SPLITS = ("train", "val", "test")
PAST_END_S = 0.1  # an offset up to this far past the end is clipped: editors round, and codecs pad
GROUP_COLUMN = "column `group`"
UNNAMED_CLASS = "event"  # where no label in the dataset has text


@dataclass(frozen=True)
class Recording:
    """One annotated recording. A point label keeps onset == offset."""

    path: Path
    name: str  # path relative to the dataset, with slashes
    group: str  # recordings of one group belong to one split
    duration_s: float
    annotations: tuple[Annotation, ...]  # in time order, inside the recording


@dataclass(frozen=True)
class Dataset:
    """What can be used of a folder, and what was met in it."""

    path: Path
    splits: dict[str, list[Recording]]  # those that exist, in the order train, val, test
    classes: tuple[str, ...]  # every class of the annotations, sorted
    split_by: str  # how the splits came about, for people
    notes: tuple[Note, ...] = ()

    @property
    def recordings(self) -> list[Recording]:
        """Every recording of every split."""
        return [each for split in self.splits.values() for each in split]

    def fingerprint(self) -> str:
        """Return a sha256 (hex) over names, sizes in bytes, splits and annotations: the same for the same data."""
        digest = hashlib.sha256()
        for split, recordings in self.splits.items():
            for each in recordings:
                digest.update(f"{split}\t{each.name}\t{each.path.stat().st_size}\n".encode())
                for event in each.annotations:
                    digest.update(f"{event.onset:.6f}\t{event.offset:.6f}\t{event.label}\n".encode())
        return digest.hexdigest()


def open_dataset(path: Path | str) -> Dataset:
    """Read a dataset; raise the first error that it holds, and say how many more there are.

    Raises DatasetError (no audio, no labels, names that do not match), LabelError (file and line), AudioError.
    """
    dataset, errors = inspect_dataset(path)
    if errors:
        more = f" ({len(errors) - 1} more: `stapes check {path}` lists them)" if len(errors) > 1 else ""
        raise type(errors[0])(f"{errors[0]}{more}")
    return dataset


def inspect_dataset(path: Path | str) -> tuple[Dataset, list[StapesError]]:
    """Return what can be used of a dataset and every error in it. Raises DatasetError when there is no audio at all."""
    folder = Path(path)
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; name the folder that holds the recordings and their labels")
    found = Findings()
    fixed = [split for split in SPLITS if (folder / split).is_dir()]
    audio = {part: audio_files(folder / part) for part in fixed or [""]}
    if fixed:
        _note_outside(folder, fixed, found)
    sources = _label_sources(folder, audio, found)
    entries = [each for split in sources for each in _entries(folder, split, *sources[split], found)]
    if not entries and not found.errors:
        raise DatasetError(f"{folder}: no recording has labels; add labels.tsv, or an Audacity track per recording")
    _name_classes(folder, entries, found)
    for entry in entries:
        _fit(entry, found)
    split_by = _split(entries, fixed, found) if entries else "nothing to split"
    splits = {
        split: [each.finished(folder) for each in entries if each.split == split]
        for split in SPLITS
        if any(each.split == split for each in entries)
    }
    classes = tuple(sorted({event.label for entry in entries for event in entry.annotations}))
    if entries and not classes and not found.errors:
        found.error(DatasetError(f"{folder}: no event is labelled in {len(entries)} recordings; label some events"))
    return Dataset(folder, splits, classes, split_by, tuple(found.notes)), found.errors


def require_trainable(dataset: Dataset) -> None:
    """Raise DatasetError unless there are train and val parts, and every class has events in train."""
    for split in ("train", "val"):
        if not dataset.splits.get(split):
            raise DatasetError(
                f"{dataset.path}: there is nothing in the {split} part ({dataset.split_by}); training needs train and "
                "val: add recordings, or name their groups in a column `group` of labels.tsv"
            )
    in_train = {event.label for each in dataset.splits["train"] for event in each.annotations}
    for label in dataset.classes:
        if label not in in_train:
            first = next(e for each in dataset.recordings for e in each.annotations if e.label == label)
            raise DatasetError(
                f"{first.place}: class {label!r} has no events in train, only in other parts ({dataset.split_by}); add "
                f"recordings of it to train, or ignore it: give it an empty class in {dataset.path / 'label_map.tsv'}"
            )


@dataclass
class _Entry:
    """A recording on its way through the steps of reading."""

    path: Path
    split: str  # "" until it is chosen
    group: str
    group_by: str
    duration_s: float
    annotations: list[Annotation] = field(default_factory=list)

    def finished(self, folder: Path) -> Recording:
        """Return the recording as it is handed out."""
        events = tuple(sorted(self.annotations, key=lambda each: (each.onset, each.offset, each.label)))
        return Recording(self.path, self.path.relative_to(folder).as_posix(), self.group, self.duration_s, events)


def audio_files(folder: Path) -> list[Path]:
    """Return the recordings below a folder, hidden ones left out. Raises DatasetError where there are none."""
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; name one that holds recordings")
    files = (each for each in folder.rglob("*") if each.suffix.lower() in FILE_SUFFIXES and not hidden(each, folder))
    audio = sorted(each for each in files if each.is_file())
    if not audio:
        raise DatasetError(f"{folder}: no audio in it (WAV, FLAC or OGG); put recordings there or remove the folder")
    return audio


def _label_sources(
    folder: Path, audio: dict[str, list[Path]], found: Findings
) -> dict[str, tuple[Labels, dict[Path, str]]]:
    """Return labels and groups per split: from its own labels.tsv, else DATASET's, else label tracks."""
    sources = {}
    without = [split for split in audio if not (folder / split / "labels.tsv").is_file()]
    shared = folder / "labels.tsv"
    if without and shared.is_file():
        table = TableOfLabels(shared, [file for split in without for file in audio[split]], found)
        labels, groups = table.labels(), table.groups()
        for split in without:
            sources[split] = {file: labels[file] for file in audio[split]}, groups
    elif without:
        for split in without:
            sources[split] = audacity_labels(folder / split, audio[split], found), {}
    for split in set(audio) - set(without):
        table = TableOfLabels(folder / split / "labels.tsv", audio[split], found)
        sources[split] = table.labels(), table.groups()
    return {split: sources[split] for split in audio}


def _entries(folder: Path, split: str, labels: Labels, groups: dict[Path, str], found: Findings) -> Iterator[_Entry]:
    by_folder = len({each.parent for each in labels}) > 1 and not groups
    for path in sorted(labels):
        try:
            duration_s = AudioFile(path, 1).duration_s  # whatever the rate
            if duration_s == 0:
                raise AudioError(f"{path}: holds no samples; replace the file or remove it")
        except AudioError as error:
            found.error(error)
            continue
        if path in groups:
            group, group_by = groups[path], GROUP_COLUMN
        elif by_folder:
            group, group_by = path.parent.relative_to(folder).as_posix(), "parent folder"
        else:
            group, group_by = path.relative_to(folder).as_posix(), "recording"
        yield _Entry(path, split, group, group_by, duration_s, labels[path])


def _name_classes(folder: Path, entries: list[_Entry], found: Findings) -> None:
    """Apply the label map, and settle what a label without text means."""
    named = any(event.label for entry in entries for event in entry.annotations)
    mapping = read_label_map(folder / "label_map.tsv", found) if (folder / "label_map.tsv").is_file() else {}
    for entry in entries:
        kept = []
        for event in entry.annotations:
            label = mapping.get(event.label, event.label)
            if event.label in mapping and not label:
                found.note(f"labels {event.label!r}: ignored as label_map.tsv says", event.place)
            elif label:
                kept.append(replace(event, label=label))
            elif named:
                found.note("labels without text among labels with text: left out", event.place)
            else:
                found.note(f"labels without text, as are all: taken as class {UNNAMED_CLASS!r}", event.place)
                kept.append(replace(event, label=UNNAMED_CLASS))
        entry.annotations = kept


def _fit(entry: _Entry, found: Findings) -> None:
    """Drop repeated annotations and hold the others inside the recording."""
    repeated = {id(each) for each in duplicates(entry.annotations)}
    kept = []
    for event in entry.annotations:
        past = event.offset - entry.duration_s
        if id(event) in repeated:
            found.note("labels repeat another row: left out", event.place)
        elif event.onset >= entry.duration_s or past > PAST_END_S + 1e-6:
            found.error(
                DatasetError(
                    f"{event.place}: {event.label!r} from {event.onset:g} s to {event.offset:g} s lies outside "
                    f"{entry.path.name}, which ends at {entry.duration_s:g} s; correct the times or delete the row"
                )
            )
        elif past > 0:
            if past > 1e-3:  # less is how the label file rounds
                found.note("offsets less than 100 ms past the end: clipped", event.place, f"{past:.3f} s")
            kept.append(replace(event, offset=entry.duration_s))
        else:
            kept.append(event)
    entry.annotations = kept


def _split(entries: list[_Entry], fixed: list[str], found: Findings) -> str:
    """Choose the split of every entry that has none yet; return how, for people."""
    if not fixed:
        _assign(entries, FRACTIONS)
        return f"split by {', '.join(sorted({each.group_by for each in entries}))}"
    _note_leaks(entries, found)
    how = f"folders {', '.join(f'{split}/' for split in fixed)}"
    if "train" in fixed and "val" not in fixed:
        _assign([each for each in entries if each.split == "train"], HELD_OUT)
        return f"{how}; val held out of train/ by group"
    return how


def _assign(entries: list[_Entry], fractions: dict[str, float]) -> None:
    together: dict[str, list[_Entry]] = defaultdict(list)
    for entry in entries:
        together[entry.group].append(entry)
    groups = {name: (sum(e.duration_s for e in each), _events(each)) for name, each in together.items()}
    chosen = split_groups(groups, fractions)
    for entry in entries:
        entry.split = chosen[entry.group]


def _events(entries: Iterable[_Entry]) -> list[Annotation]:
    return [event for entry in entries for event in entry.annotations]


def _note_outside(folder: Path, fixed: list[str], found: Findings) -> None:
    for each in sorted(folder.rglob("*")):
        inside = each.relative_to(folder).parts[0] in fixed
        if not inside and each.suffix.lower() in FILE_SUFFIXES and not hidden(each, folder):
            found.note("recordings outside of the split folders: left out", each)


def _note_leaks(entries: list[_Entry], found: Findings) -> None:
    splits: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        if entry.group_by == GROUP_COLUMN:
            splits[entry.group].add(entry.split)
    for group, names in sorted(splits.items()):
        if len(names) > 1:
            found.note("groups are in more than one split: scores will be too good", group, ", ".join(sorted(names)))
