"""Read a folder of labelled recordings: splits, labels and groups, and everything that is wrong with them.

DATASET/                  the splits are the folders train/, val/ and test/; without them, recordings are split by
                          group, and with test/ or val/ alone, the rest is for training (and val)
  **/*.wav .flac .ogg …   audio, at any depth, with any sample rate and number of channels
  labels.tsv or .csv      filename, onset, offset, event_label [, group, source]; in each split or in DATASET.
                          Recordings that it does not name are free of events. Recordings of one group, and recordings
                          with events of one source (the animal, the machine, the original clip), stay in one split; so
                          do recordings of one folder for which neither column, nor --group-pattern, says anything
  events_meta.tsv         optional, beside labels.tsv: the same rows with further columns, such as snr_db and source
  **/*.txt                if there is no labels.tsv: an Audacity label track with the name of each recording; recordings
                          without one are not annotated and are left out
  label_map.tsv           optional: label, class; labels with an empty class are ignored
  **/*.json               beside clips of `stapes listen --record`; labels of near misses such as `bark?` are ignored.
                          The track of a clip counts although there is a table, unless this names the clip
  split.tsv               optional: filename, split; written by `stapes check --write-split`
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.errors import AudioError, ConfigError, DatasetError, StapesError
from stapes.runtime.audio import AudioFile, read_audio
from stapes.runtime.audio.kinds import READ, UNREAD_SUFFIXES, how_to_convert
from stapes.runtime.labels import Annotation, duplicates
from stapes.runtime.labels.names import is_audio
from stapes.runtime.live.clip_files import read_description
from stapes.runtime.walk import hidden, is_utf8, walk_files
from stapes.train.data.entry import Entry
from stapes.train.data.findings import Findings, Note
from stapes.train.data.label_sources import (
    LabelTable,
    RecordingLabels,
    audacity_labels,
    note_ignored_tracks,
    read_label_map,
    refuse_deeper_tables,
    table_in,
)
from stapes.train.data.options import AS_THEY_ARE, DatasetOptions
from stapes.train.data.parts import (
    CLIP_GROUP,
    GROUP_COLUMN,
    PATTERN,
    SPLITS,
    MinedFolders,
    Parts,
    assign_parts,
    enter_folder,
    note_leaks,
)

PAST_END_S = 0.1  # offsets up to this far past the end are clipped, as editors round times and codecs pad
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
    why: str = ""  # why it belongs to its split, as text
    channel: int | None = None  # that is heard, counted from 1; None: the mean of all

    def audio(self, rate_hz: int) -> AudioFile:
        """Open the recording at `rate_hz`. Raises AudioError when it cannot be read or lacks the channel."""
        return AudioFile(self.path, rate_hz, self.channel)

    def pcm(self, rate_hz: int) -> NDArray[np.int16]:
        """Return the whole recording as int16[samples] at `rate_hz`. Raises AudioError when it cannot be read."""
        return read_audio(self.path, rate_hz, self.channel).pcm

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
    options: DatasetOptions = AS_THEY_ARE
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


def open_dataset(path: Path | str, options: DatasetOptions = AS_THEY_ARE) -> Dataset:
    """Read a dataset; raise the first error that is found in it, with the number of further errors.

    The `group_pattern` of the options is a regular expression that is searched in the name of every recording (its path
    below `path`). The text that it matches, or that its parentheses match, is the recording's group. A column `group`
    takes precedence over the pattern, and the pattern over the parent folder, which counts for each recording that has
    neither a group nor a source for all of its events.

    Raises DatasetError (no audio, no labels, names that do not match), LabelError (with file and line), AudioError, and
    ConfigError (the pattern is not a regular expression).
    """
    dataset, errors = inspect_dataset(path, options)
    if errors:
        more = f" ({len(errors) - 1} more: `stapes check {path}` lists them)" if len(errors) > 1 else ""
        raise type(errors[0])(f"{errors[0]}{more}")
    return dataset


def inspect_dataset(path: Path | str, options: DatasetOptions = AS_THEY_ARE) -> tuple[Dataset, list[StapesError]]:
    """Return the usable part of a dataset, and all errors in it. Raises DatasetError when there is nothing to read."""
    folder = Path(path)
    reading = _Reading(folder, _compiled(options.group_pattern), options.channel)
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; give the folder with the recordings and their labels")
    found = Findings()
    fixed = [split for split in SPLITS if (folder / split).is_dir()]
    audio = _audio_of_parts(folder, fixed, found)
    sources = _label_sources(folder, audio, fixed, found)
    entries = [each for split in sources for each in _entries(reading, split, sources[split], found)]
    if not entries and not found.errors:
        raise DatasetError(
            f"{folder}: no recording has labels; add labels.tsv, which `stapes labels` makes of other formats, "
            "or an Audacity track per recording. If none of them has an event, a labels.tsv with nothing but its "
            "header says so, or give the folder as --background"
        )
    _name_classes(folder, entries, found)
    for entry in entries:
        _clip(entry, found)
    split_by = assign_parts(Parts(folder, fixed, options.trained), entries, found) if entries else "nothing to split"
    note_leaks(entries, found, UNGROUPED)
    splits = {
        split: [_finished(each) for each in entries if each.split == split]
        for split in SPLITS
        if any(each.split == split for each in entries)
    }
    classes = tuple(sorted({event.label for entry in entries for event in entry.annotations}))
    return Dataset(folder, splits, classes, split_by, options, tuple(found.notes)), found.errors


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


def _finished(entry: Entry) -> Recording:
    events = tuple(sorted(entry.annotations, key=lambda each: (each.onset, each.offset, each.label)))
    return Recording(
        entry.path,
        entry.name,
        entry.group,
        entry.duration_s,
        events,
        tuple(entry.ignored),
        entry.why,
        entry.channel,
    )


def audio_files(folder: Path, found: Findings | None = None) -> list[Path]:
    """Return the audio files below a folder, without hidden ones; linked folders are followed.

    Raises DatasetError when there are none, and for a name that is not UTF-8, unless `found` keeps this error.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; give a folder with recordings")
    audio: list[Path] = []
    unread: list[str] = []  # notes
    for file in walk_files(folder):
        if found is not None and file.name.lower().endswith(UNREAD_SUFFIXES) and not hidden(file, folder):
            kind = f"audio files are of kinds that are not read: left out; convert them, as by {how_to_convert(file)}"
            found.note(kind if not unread else unread[0], file)
            unread.append(kind)
        if not is_audio(file.name) or hidden(file, folder):
            continue
        if is_utf8(file):
            audio.append(file)
            continue
        error = DatasetError(
            f"{str(file)!r}: the name is not UTF-8, so no label file can name it; rename it, all of a folder at once "
            "with: convmv -r -f latin1 -t utf8 --notest FOLDER"
        )
        if found is None:
            raise error
        found.error(error)
    if not audio and not (found and found.errors):
        raise DatasetError(f"{folder}: contains no audio ({READ}); put recordings there or remove the folder")
    return sorted(audio)


def _audio_of_parts(folder: Path, fixed: Sequence[str], found: Findings) -> dict[str, list[Path]]:
    """Return the audio files of each split that is a folder, and under "" those that are still to be split.

    Those outside of the folders are left out if there is a folder train/, and otherwise are what train is made of.
    """
    if not fixed:
        return {"": audio_files(folder, found)}
    audio = {split: audio_files(folder / split, found) for split in fixed}
    everything = audio_files(folder, Findings())
    outside = [each for each in everything if each.relative_to(folder).parts[0] not in fixed]
    if "train" in fixed:
        for each in outside:
            found.note("recordings outside of the split folders: left out", each)
    elif outside:
        return {"": outside} | audio
    return audio


def _label_sources(
    folder: Path, audio: dict[str, list[Path]], fixed: Sequence[str], found: Findings
) -> dict[str, RecordingLabels]:
    """Return the labels of each part: from its own table, or else the dataset's, or else from label tracks.

    A table in a folder further down is an error. The part "" holds the recordings outside of the folders `fixed`.
    """
    sources = {}
    tables = {part: table_in(folder / part, found) for part in audio if part}
    without = [part for part in audio if not tables.get(part)]
    shared = table_in(folder, found)
    if without and shared:
        all_of_them = LabelTable(shared, [file for part in without for file in audio[part]], found).read()
        for part in without:
            sources[part] = replace(all_of_them, labels={file: all_of_them.labels[file] for file in audio[part]})
            note_ignored_tracks(folder / part, audio[part], shared, found, all_of_them.by_track)
    for part in without if not shared else ():
        others = [folder / split for split in fixed] if not part else []
        sources[part] = RecordingLabels(audacity_labels(folder / part, audio[part], found, others))
    for part, table in tables.items():
        if table:
            sources[part] = LabelTable(table, audio[part], found).read()
            note_ignored_tracks(folder / part, audio[part], table, found, sources[part].by_track)
    if shared and not without:
        found.note("tables of labels are not read, because every split has its own", shared)
    refuse_deeper_tables({folder / part for part in audio}, found)
    return {part: sources[part] for part in audio}


@dataclass(frozen=True)
class _Reading:
    """What is needed to open the recordings of a dataset."""

    folder: Path
    pattern: "re.Pattern[str] | None"
    channel: int | None
    mined: MinedFolders = field(default_factory=MinedFolders)


def _entries(reading: _Reading, split: str, labels: RecordingLabels, found: Findings) -> Iterator[Entry]:
    folder, pattern = reading.folder, reading.pattern
    clips = {path: read_description(path) for path in labels.labels}
    by_folder = len({path.parent for path, clip in clips.items() if clip is None}) > 1 and not pattern
    for path in sorted(labels.labels):
        name = path.relative_to(folder).as_posix()
        clip = clips[path]
        # What was mined or recorded as a clip has one channel, the one that was chosen then.
        has_one = clip is not None or reading.mined.hold(path, folder)
        channel = None if has_one else reading.channel
        try:
            duration_s = AudioFile(path, 1, channel).duration_s  # the rate does not matter here
            if duration_s == 0:
                raise AudioError(f"{path}: contains no samples; replace or remove the file")
        except AudioError as error:
            found.error(error)
            continue
        match = pattern.search(name) if pattern else None
        sources, events = labels.sources.get(path, set()), labels.labels[path]
        sourced = bool(sources) and all(event.columns.get("source") for event in events)
        if path in labels.groups:
            group, group_by = labels.groups[path], GROUP_COLUMN
        elif clip and clip.group:
            group, group_by = clip.group, CLIP_GROUP
        elif match:
            group, group_by = " ".join(filter(None, match.groups())) or match.group(), PATTERN
        elif by_folder and not sourced:
            group, group_by = path.parent.relative_to(folder).as_posix(), "parent folder"
        else:
            group, group_by = name, "recording"
            if pattern:
                found.note(
                    "recordings have names that the group pattern does not match: each is a group of its own", path
                )
        entry = Entry(path, name, "", group, group_by, sources, duration_s, events, channel=channel, clip=clip)
        if split:
            enter_folder(entry, split)
        yield entry


def _name_classes(folder: Path, entries: list[Entry], found: Findings) -> None:
    """Apply the label map, and decide what labels without text mean."""
    named = any(event.label for entry in entries for event in entry.annotations)
    mapping = read_label_map(folder / "label_map.tsv", found) if (folder / "label_map.tsv").is_file() else {}
    for entry in entries:
        kept = []
        for event in entry.annotations:
            label = mapping.get(event.label, event.label)
            if entry.clip and event.label in entry.clip.near_miss_labels:
                found.note("near misses in clips of `stapes listen` are not confirmed: ignored", event.place)
                entry.ignored.append(event)
            elif event.label in mapping and not label:
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
    _note_alike(entries, found)


def _note_alike(entries: Sequence[Entry], found: Findings) -> None:
    """Note classes that differ in case or blanks only: they may be one class, typed in two ways."""
    first = {event.label: event.place for entry in reversed(entries) for event in reversed(entry.annotations)}
    alike: dict[str, list[str]] = defaultdict(list)
    for label in sorted(first):
        alike["".join(label.split()).casefold()].append(label)
    for labels in alike.values():
        if len(labels) > 1:
            found.note(
                "classes differ only in case or blanks: if they are one, map them to one name in label_map.tsv",
                first[labels[0]],
                " and ".join(map(repr, labels)),
            )


def _clip(entry: Entry, found: Findings) -> None:
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
