"""Read a folder of labelled recordings: splits, labels and groups, and everything that is wrong with them.

DATASET/                  the splits are the folders train/, val/ and test/; without them, recordings are split by group
  **/*.wav .flac .ogg …   audio, at any depth, with any sample rate and number of channels
  labels.tsv              filename, onset, offset, event_label [, group, source]; in each split or in DATASET.
                          Recordings that it does not name are free of events. Recordings of one group, and recordings
                          with events of one source (the animal, the machine, the original clip), stay in one split
  events_meta.tsv         optional, beside labels.tsv: the same rows with further columns, such as snr_db and source
  **/*.txt                if there is no labels.tsv: an Audacity label track with the name of each recording; recordings
                          without one are not annotated and are left out
  label_map.tsv           optional: label, class; labels with an empty class are ignored
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
from stapes.train.data.label_sources import LabelTable, RecordingLabels, audacity_labels, hidden, read_label_map
from stapes.train.data.split import FRACTIONS, HELD_OUT, connected, split_groups

SPLITS = ("train", "val", "test")
PAST_END_S = 0.1  # offsets up to this far past the end are clipped, as editors round times and codecs pad
GROUP_COLUMN, SOURCE_COLUMN, PATTERN = "column `group`", "column `source`", "group pattern"
UNGROUPED = (
    "recordings have neither group nor source: clips of one source may be in different splits, so that scores are too "
    "good; give sources in a column `source` or `group` of labels.tsv, or by --group-pattern"
)
POINT_S = 0.05  # length that is assumed for a point label, where one is needed
UNNAMED_CLASS = "event"  # the class if no label in the dataset has text


@dataclass(frozen=True)
class Recording:
    """One annotated recording. Point labels have onset == offset."""

    path: Path
    name: str  # path relative to the dataset, with slashes
    group: str  # recordings of one group stay in one split
    duration_s: float
    annotations: tuple[Annotation, ...]  # sorted by time, within the recording
    ignored: tuple[Annotation, ...] = ()  # annotations that label_map.tsv ignores

    def source(self, event: Annotation) -> str:
        """Return the source of an event: the column `source` of its row, or else the group of the recording."""
        return event.columns.get("source") or self.group


@dataclass(frozen=True)
class Dataset:
    """The usable recordings of a folder, and notes about it."""

    path: Path
    splits: dict[str, list[Recording]]  # the splits that have recordings, in the order train, val, test
    classes: tuple[str, ...]  # all classes of the annotations, sorted
    split_by: str  # how the recordings were split, as text
    group_pattern: str = ""  # as given
    notes: tuple[Note, ...] = ()

    @property
    def recordings(self) -> list[Recording]:
        """All recordings of all splits."""
        return [each for split in self.splits.values() for each in split]

    def fingerprint(self) -> str:
        """Return a sha256 in hexadecimal over splits, file names, file sizes and annotations."""
        digest = hashlib.sha256()
        for split, recordings in self.splits.items():
            for each in recordings:
                digest.update(f"{split}\t{each.name}\t{each.path.stat().st_size}\n".encode())
                for event in each.annotations:
                    digest.update(f"{event.onset:.6f}\t{event.offset:.6f}\t{event.label}\n".encode())
        return digest.hexdigest()


def open_dataset(path: Path | str, group_pattern: str = "") -> Dataset:
    """Read a dataset; raise the first error that is found in it, with the number of further errors.

    `group_pattern` is a regular expression that is searched in the name of every recording (its path below `path`). The
    text that it matches, or that its parentheses match, is the recording's group. A column `group` takes precedence
    over the pattern, and the pattern over the parent folder.

    Raises DatasetError (no audio, no labels, names that do not match), LabelError (with file and line), AudioError, and
    ConfigError (the pattern is not a regular expression).
    """
    dataset, errors = inspect_dataset(path, group_pattern)
    if errors:
        more = f" ({len(errors) - 1} more: `stapes check {path}` lists them)" if len(errors) > 1 else ""
        raise type(errors[0])(f"{errors[0]}{more}")
    return dataset


def inspect_dataset(path: Path | str, group_pattern: str = "") -> tuple[Dataset, list[StapesError]]:
    """Return the usable part of a dataset, and all errors in it. Raises DatasetError when there is nothing to read."""
    folder, pattern = Path(path), _compiled(group_pattern)
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; give the folder with the recordings and their labels")
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
            "(a labels.tsv with nothing but its header means that none of them has an event)"
        )
    _name_classes(folder, entries, found)
    for entry in entries:
        _clip(entry, found)
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
            f"group pattern {group_pattern!r} is not a regular expression: {error}; "
            "for example, '^[^_]+' groups recordings by the text before the first _ of their names"
        ) from error


def require_events(dataset: Dataset) -> None:
    """Raise DatasetError when no recording has an event: nothing can be learned then, only false alarms be counted."""
    if not dataset.classes:
        raise DatasetError(
            f"{dataset.path}: no event is labelled in {len(dataset.recordings)} recordings; label some events"
        )


def require_trainable(dataset: Dataset) -> None:
    """Raise DatasetError unless there are recordings in train and val, and every class has events in train."""
    require_events(dataset)
    for split in ("train", "val"):
        if not dataset.splits.get(split):
            raise DatasetError(
                f"{dataset.path}: the split {split} has no recordings ({dataset.split_by}), but training needs train "
                "and val: add recordings, or give their groups in a column `group` of labels.tsv"
            )
    in_train = {event.label for each in dataset.splits["train"] for event in each.annotations}
    for label in dataset.classes:
        if label not in in_train:
            first = next(e for each in dataset.recordings for e in each.annotations if e.label == label)
            raise DatasetError(
                f"{first.place}: class {label!r} has no events in train, only in other splits ({dataset.split_by}); "
                "add recordings with it to train, or ignore it by giving it an empty class in "
                f"{dataset.path / 'label_map.tsv'}"
            )


@dataclass
class _Entry:
    """A recording while the dataset is being read."""

    path: Path
    split: str  # "" until the recordings are split
    group: str
    group_by: str
    sources: set[str]
    duration_s: float
    annotations: list[Annotation] = field(default_factory=list)
    ignored: list[Annotation] = field(default_factory=list)

    @property
    def marks(self) -> set[str]:
        """Its group and sources; recordings that share one must stay in the same split."""
        return {f"group {self.group}", *(f"source {each}" for each in self.sources)}

    def finished(self, folder: Path) -> Recording:
        """Return the finished recording."""
        events = tuple(sorted(self.annotations, key=lambda each: (each.onset, each.offset, each.label)))
        name = self.path.relative_to(folder).as_posix()
        return Recording(self.path, name, self.group, self.duration_s, events, tuple(self.ignored))


def audio_files(folder: Path) -> list[Path]:
    """Return the audio files below a folder, without hidden ones. Raises DatasetError when there are none."""
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; give a folder with recordings")
    files = (each for each in folder.rglob("*") if each.suffix.lower() in FILE_SUFFIXES and not hidden(each, folder))
    audio = sorted(each for each in files if each.is_file())
    if not audio:
        raise DatasetError(f"{folder}: contains no audio (WAV, FLAC or OGG); put recordings there or remove the folder")
    return audio


def _label_sources(folder: Path, audio: dict[str, list[Path]], found: Findings) -> dict[str, RecordingLabels]:
    """Return the labels of each split: from its own labels.tsv, or else the dataset's, or else from label tracks."""
    sources = {}
    without = [split for split in audio if not (folder / split / "labels.tsv").is_file()]
    shared = folder / "labels.tsv"
    if without and shared.is_file():
        all_of_them = LabelTable(shared, [file for split in without for file in audio[split]], found).read()
        for split in without:
            sources[split] = replace(all_of_them, labels={file: all_of_them.labels[file] for file in audio[split]})
    elif without:
        for split in without:
            sources[split] = RecordingLabels(audacity_labels(folder / split, audio[split], found))
    for split in set(audio) - set(without):
        sources[split] = LabelTable(folder / split / "labels.tsv", audio[split], found).read()
    return {split: sources[split] for split in audio}


def _entries(
    folder: Path, split: str, labels: RecordingLabels, pattern: "re.Pattern[str] | None", found: Findings
) -> Iterator[_Entry]:
    explicit = bool(pattern or labels.groups or any(labels.sources.values()))
    by_folder = len({each.parent for each in labels.labels}) > 1 and not explicit
    for path in sorted(labels.labels):
        name = path.relative_to(folder).as_posix()
        try:
            duration_s = AudioFile(path, 1).duration_s  # the rate does not matter here
            if duration_s == 0:
                raise AudioError(f"{path}: contains no samples; replace or remove the file")
        except AudioError as error:
            found.error(error)
            continue
        match = pattern.search(name) if pattern else None
        if path in labels.groups:
            group, group_by = labels.groups[path], GROUP_COLUMN
        elif match:
            group, group_by = " ".join(filter(None, match.groups())) or match.group(), PATTERN
        elif by_folder:
            group, group_by = path.parent.relative_to(folder).as_posix(), "parent folder"
        else:
            group, group_by = name, "recording"
            if pattern:
                found.note(
                    "recordings have names that the group pattern does not match: each is a group of its own", path
                )
        yield _Entry(path, split, group, group_by, labels.sources.get(path, set()), duration_s, labels.labels[path])


def _name_classes(folder: Path, entries: list[_Entry], found: Findings) -> None:
    """Apply the label map, and decide what labels without text mean."""
    named = any(event.label for entry in entries for event in entry.annotations)
    mapping = read_label_map(folder / "label_map.tsv", found) if (folder / "label_map.tsv").is_file() else {}
    for entry in entries:
        kept = []
        for event in entry.annotations:
            label = mapping.get(event.label, event.label)
            if event.label in mapping and not label:
                found.note(f"labels {event.label!r}: ignored because of label_map.tsv", event.place)
                entry.ignored.append(event)
            elif label:
                kept.append(replace(event, label=label))
            elif named:
                found.note("labels without text among labels with text: left out", event.place)
            else:
                found.note(f"labels without text, like all labels here: taken as class {UNNAMED_CLASS!r}", event.place)
                kept.append(replace(event, label=UNNAMED_CLASS))
        entry.annotations = kept


def _clip(entry: _Entry, found: Findings) -> None:
    """Remove repeated annotations, and clip or refuse those that end after the recording."""
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
            if past > 1e-3:  # less is due to rounding in the label file
                found.note("offsets less than 100 ms past the end: clipped", event.place, f"{past:.3f} s")
            kept.append(replace(event, offset=entry.duration_s))
        else:
            kept.append(event)
    entry.annotations = kept


def _split(entries: list[_Entry], fixed: list[str]) -> str:
    """Choose the split of every entry that has none yet; return a description of how this was done."""
    by = {each.group_by for each in entries} | {SOURCE_COLUMN for each in entries if each.sources}
    if not fixed:
        return f"split by {', '.join(sorted(by))}{_assign(entries, FRACTIONS)}"
    how = f"folders {', '.join(f'{split}/' for split in fixed)}"
    if "train" in fixed and "val" not in fixed:
        apart = _assign([each for each in entries if each.split == "train"], HELD_OUT)
        return f"{how}; val held out of train/ by {', '.join(sorted(by))}{apart}"
    return how


def _assign(entries: list[_Entry], fractions: dict[str, float]) -> str:
    """Assign entries to splits, keeping together those that share a group or source.

    Returns a remark if there are fewer independent sets of recordings than splits, otherwise "".
    """
    together: dict[int, list[_Entry]] = defaultdict(list)
    for number, entry in zip(connected([each.marks for each in entries]), entries, strict=True):
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
