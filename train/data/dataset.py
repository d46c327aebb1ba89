"""A folder of labelled recordings, read as it is found: splits, labels, groups, and what is wrong with them.

DATASET/                  train/, val/, test/ inside it are the splits; else recordings are split by group
  **/*.wav .flac .ogg …   audio, at any depth, any rate, any number of channels
  labels.tsv              filename, onset, offset, event_label [, group, source]; in the split or in DATASET; audio it
                          does not name is free of events. Recordings of one group, and recordings that hold events of
                          one source (the animal, the machine, the original clip), are never split
  events_meta.tsv         optional, beside labels.tsv: the same rows with further columns, such as snr_db and source
  **/*.txt                without labels.tsv: an Audacity label track per recording, same stem; audio without one is
                          not annotated and left out
  label_map.tsv           optional: label, class; an empty class means that the label is ignored
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from stapes.firmware_sim.errors import AudioError, ConfigError, DatasetError, StapesError
from stapes.runtime.audio import FILE_SUFFIXES, AudioFile
from stapes.runtime.labels import Annotation, duplicates
from stapes.train.data.findings import Findings, Note
from stapes.train.data.label_sources import Labelled, TableOfLabels, audacity_labels, hidden, read_label_map
from stapes.train.data.split import FRACTIONS, HELD_OUT, split_groups, tied

SPLITS = ("train", "val", "test")
PAST_END_S = 0.1  # an offset up to this far past the end is clipped: editors round, and codecs pad
GROUP_COLUMN, SOURCE_COLUMN, PATTERN = "column `group`", "column `source`", "group pattern"
UNGROUPED = (
    "recordings have neither group nor source: clips of one source may be on both sides of a split, and scores too "
    "good; name sources in a column `source` or `group` of labels.tsv, or by --group-pattern"
)
UNNAMED_CLASS = "event"  # where no label in the dataset has text


@dataclass(frozen=True)
class Recording:
    """One annotated recording. A point label keeps onset == offset."""

    path: Path
    name: str  # path relative to the dataset, with slashes
    group: str  # recordings of one group belong to one split
    duration_s: float
    annotations: tuple[Annotation, ...]  # in time order, inside the recording
    ignored: tuple[Annotation, ...] = ()  # those that label_map.tsv leaves out

    def source(self, event: Annotation) -> str:
        """Return what an event comes from: the column `source` of its row, else the group of the recording."""
        return event.columns.get("source") or self.group


@dataclass(frozen=True)
class Dataset:
    """What can be used of a folder, and what was met in it."""

    path: Path
    splits: dict[str, list[Recording]]  # those that exist, in the order train, val, test
    classes: tuple[str, ...]  # every class of the annotations, sorted
    split_by: str  # how the splits came about, for people
    group_pattern: str = ""  # as given
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


def open_dataset(path: Path | str, group_pattern: str = "") -> Dataset:
    """Read a dataset; raise the first error that it holds, and say how many more there are.

    `group_pattern` is a regular expression that is searched in every recording's name (its path below the dataset):
    what it matches, or what its brackets match, is the group. A column `group` goes before it, folders after it.
    Raises DatasetError (no audio, no labels, names that do not match), LabelError (file and line), AudioError,
    ConfigError (the pattern is no regular expression).
    """
    dataset, errors = inspect_dataset(path, group_pattern)
    if errors:
        more = f" ({len(errors) - 1} more: `stapes check {path}` lists them)" if len(errors) > 1 else ""
        raise type(errors[0])(f"{errors[0]}{more}")
    return dataset


def inspect_dataset(path: Path | str, group_pattern: str = "") -> tuple[Dataset, list[StapesError]]:
    """Return what can be used of a dataset and every error in it. Raises DatasetError when there is no audio at all."""
    folder, pattern = Path(path), _compiled(group_pattern)
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; name the folder that holds the recordings and their labels")
    found = Findings()
    fixed = [split for split in SPLITS if (folder / split).is_dir()]
    audio = {part: audio_files(folder / part) for part in fixed or [""]}
    if fixed:
        _note_outside(folder, fixed, found)
    sources = _label_sources(folder, audio, found)
    entries = [each for split in sources for each in _entries(folder, split, sources[split], pattern, found)]
    if not entries and not found.errors:
        raise DatasetError(
            f"{folder}: no recording has labels; add labels.tsv, or an Audacity track per recording "
            "(a labels.tsv of its header alone says that there is no event in any of them)"
        )
    _name_classes(folder, entries, found)
    for entry in entries:
        _fit(entry, found)
    split_by = _split(entries, fixed) if entries else "nothing to split"
    _note_leaks(entries, found)
    splits = {
        split: [each.finished(folder) for each in entries if each.split == split]
        for split in SPLITS
        if any(each.split == split for each in entries)
    }
    classes = tuple(sorted({event.label for entry in entries for event in entry.annotations}))
    return Dataset(folder, splits, classes, split_by, group_pattern, tuple(found.notes)), found.errors


def _compiled(group_pattern: str) -> "re.Pattern[str] | None":
    try:
        return re.compile(group_pattern) if group_pattern else None
    except re.error as error:
        raise ConfigError(
            f"group pattern {group_pattern!r} is no regular expression: {error}; "
            "'^[^_]+' for instance groups recordings by what stands before the first _ of their names"
        ) from error


def require_events(dataset: Dataset) -> None:
    """Raise DatasetError where no recording has an event: false alarms can be counted there, and nothing be learned."""
    if not dataset.classes:
        raise DatasetError(
            f"{dataset.path}: no event is labelled in {len(dataset.recordings)} recordings; label some events"
        )


def require_trainable(dataset: Dataset) -> None:
    """Raise DatasetError unless there are train and val parts, and every class has events in train."""
    require_events(dataset)
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
    sources: set[str]
    duration_s: float
    annotations: list[Annotation] = field(default_factory=list)
    ignored: list[Annotation] = field(default_factory=list)

    @property
    def marks(self) -> set[str]:
        """What ties it to other recordings."""
        return {f"group {self.group}", *(f"source {each}" for each in self.sources)}

    def finished(self, folder: Path) -> Recording:
        """Return the recording as it is handed out."""
        events = tuple(sorted(self.annotations, key=lambda each: (each.onset, each.offset, each.label)))
        name = self.path.relative_to(folder).as_posix()
        return Recording(self.path, name, self.group, self.duration_s, events, tuple(self.ignored))


def audio_files(folder: Path) -> list[Path]:
    """Return the recordings below a folder, hidden ones left out. Raises DatasetError where there are none."""
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; name one that holds recordings")
    files = (each for each in folder.rglob("*") if each.suffix.lower() in FILE_SUFFIXES and not hidden(each, folder))
    audio = sorted(each for each in files if each.is_file())
    if not audio:
        raise DatasetError(f"{folder}: no audio in it (WAV, FLAC or OGG); put recordings there or remove the folder")
    return audio


def _label_sources(folder: Path, audio: dict[str, list[Path]], found: Findings) -> dict[str, Labelled]:
    """Return what labels say per split: from its own labels.tsv, else DATASET's, else label tracks."""
    sources = {}
    without = [split for split in audio if not (folder / split / "labels.tsv").is_file()]
    shared = folder / "labels.tsv"
    if without and shared.is_file():
        all_of_them = TableOfLabels(shared, [file for split in without for file in audio[split]], found).read()
        for split in without:
            sources[split] = replace(all_of_them, labels={file: all_of_them.labels[file] for file in audio[split]})
    elif without:
        for split in without:
            sources[split] = Labelled(audacity_labels(folder / split, audio[split], found))
    for split in set(audio) - set(without):
        sources[split] = TableOfLabels(folder / split / "labels.tsv", audio[split], found).read()
    return {split: sources[split] for split in audio}


def _entries(
    folder: Path, split: str, said: Labelled, pattern: "re.Pattern[str] | None", found: Findings
) -> Iterator[_Entry]:
    explicit = bool(pattern or said.groups or any(said.sources.values()))
    by_folder = len({each.parent for each in said.labels}) > 1 and not explicit
    for path in sorted(said.labels):
        name = path.relative_to(folder).as_posix()
        try:
            duration_s = AudioFile(path, 1).duration_s  # whatever the rate
            if duration_s == 0:
                raise AudioError(f"{path}: holds no samples; replace the file or remove it")
        except AudioError as error:
            found.error(error)
            continue
        match = pattern.search(name) if pattern else None
        if path in said.groups:
            group, group_by = said.groups[path], GROUP_COLUMN
        elif match:
            group, group_by = " ".join(filter(None, match.groups())) or match.group(), PATTERN
        elif by_folder:
            group, group_by = path.parent.relative_to(folder).as_posix(), "parent folder"
        else:
            group, group_by = name, "recording"
            if pattern:
                found.note("recordings have names that the group pattern does not match: each is a group", path)
        yield _Entry(path, split, group, group_by, said.sources.get(path, set()), duration_s, said.labels[path])


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
                entry.ignored.append(event)
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


def _split(entries: list[_Entry], fixed: list[str]) -> str:
    """Choose the split of every entry that has none yet; return how, for people."""
    by = {each.group_by for each in entries} | {SOURCE_COLUMN for each in entries if each.sources}
    if not fixed:
        return f"split by {', '.join(sorted(by))}{_assign(entries, FRACTIONS)}"
    how = f"folders {', '.join(f'{split}/' for split in fixed)}"
    if "train" in fixed and "val" not in fixed:
        apart = _assign([each for each in entries if each.split == "train"], HELD_OUT)
        return f"{how}; val held out of train/ by {', '.join(sorted(by))}{apart}"
    return how


def _assign(entries: list[_Entry], fractions: dict[str, float]) -> str:
    """Split what is not tied together; return a remark where less can be told apart than there are splits."""
    together: dict[int, list[_Entry]] = defaultdict(list)
    for number, entry in zip(tied([each.marks for each in entries]), entries, strict=True):
        together[number].append(entry)
    groups = {
        min(each.path for each in tie).as_posix(): (sum(e.duration_s for e in tie), _events(tie))
        for tie in together.values()
    }
    chosen = split_groups(groups, fractions)
    for tie in together.values():
        for entry in tie:
            entry.split = chosen[min(each.path for each in tie).as_posix()]
    if len(entries) > 1 and len(together) < len(fractions):
        count = "1 set that cannot" if len(together) == 1 else f"{len(together)} sets that cannot"
        return f"; shared groups and sources tie the {len(entries)} recordings into {count} be split"
    return ""


def _events(entries: Iterable[_Entry]) -> list[Annotation]:
    return [event for entry in entries for event in entry.annotations]


def _note_outside(folder: Path, fixed: list[str], found: Findings) -> None:
    for each in sorted(folder.rglob("*")):
        inside = each.relative_to(folder).parts[0] in fixed
        if not inside and each.suffix.lower() in FILE_SUFFIXES and not hidden(each, folder):
            found.note("recordings outside of the split folders: left out", each)


def _note_leaks(entries: list[_Entry], found: Findings) -> None:
    if len({each.split for each in entries}) < 2:
        return
    if all(each.group_by == "recording" and not each.sources for each in entries):
        for entry in entries:
            found.note(UNGROUPED, entry.path)
    splits: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in entries:
        if entry.group_by in (GROUP_COLUMN, PATTERN):
            splits["groups", entry.group].add(entry.split)
        for source in entry.sources:
            splits["sources", source].add(entry.split)
    for (kind, name), parts in sorted(splits.items()):
        if len(parts) > 1:
            found.note(f"{kind} are in more than one split: scores will be too good", name, ", ".join(sorted(parts)))
