"""Recordings beside the dataset, in folders of their own: declared free of events, or without labels."""

import logging
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from filecmp import cmp
from pathlib import Path

from stapes.firmware_sim.errors import AudioError, DatasetError
from stapes.runtime.audio import AudioFile
from stapes.runtime.labels import Annotation, read_dcase
from stapes.runtime.labels.names import same_form, without_suffix
from stapes.runtime.walk import hidden, walk_files
from stapes.train.data.constant import without_constant
from stapes.train.data.content import content_id
from stapes.train.data.dataset import Dataset, Recording, audio_files
from stapes.train.data.findings import Findings
from stapes.train.data.label_sources import TABLES, Labels, LabelTable, audacity_labels, table_in
from stapes.train.data.parts import MinedFolders
from stapes.train.data.split import HELD_OUT, split_groups
from stapes.train.text import first_names

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Background:
    """Recordings that are free of events: some to train with, others to count false alarms on."""

    train: Sequence[Recording] = ()
    val: Sequence[Recording] = ()


def split_background(recordings: Sequence[Recording], trained_on: Collection[str] = ()) -> Background:
    """Divide the recordings by group; by recording where all are of one group. A single one is for training alone.

    trained_on: identities, by content, of what the weights have learned from before: it is for training again.
    """
    several = len({each.group for each in recordings}) > 1
    units = [each.group if several else each.name for each in recordings]
    if len(set(units)) < 2:
        for each in recordings:
            logger.warning(
                f"{each.path}: is the only recording of --background, so it is trained on and no false alarms are "
                "counted in it; give several recordings, so that a part of them can count false alarms"
            )
        return Background(train=recordings)
    seconds: dict[str, float] = {}
    for unit, each in zip(units, recordings, strict=True):
        seconds[unit] = seconds.get(unit, 0.0) + each.duration_s
    heard = [content_id(each.path) in trained_on for each in recordings] if trained_on else [False] * len(recordings)
    known = {unit: "train" for unit, again in zip(units, heard, strict=True) if again}
    parts = split_groups({unit: (duration_s, ()) for unit, duration_s in seconds.items()}, HELD_OUT, known)
    train, val = (
        [each for unit, each in zip(units, recordings, strict=True) if parts[unit] == part] for part in ("train", "val")
    )
    if not val:
        logger.warning(
            "--background: the detector was trained on all of these recordings before, so no false alarms are counted "
            "in them; add recordings that are new to it"
        )
    return Background(train, val)


def open_background(folders: Iterable[Path], channel: int | None = None) -> list[Recording]:
    """Return the recordings of folders that are declared free of events; each parent folder of files is a group.

    channel: counted from 1; None: the mean of all. What was mined has one channel, the one that was chosen then.

    Labels are not needed. Recordings whose samples are all the same are left out, with a warning: they show nothing.
    Raises DatasetError for a folder that is missing, holds no audio or a file twice, when all are left out, and for
    an event of these recordings in labels below the folder or in a table above it; LabelError and AudioError for files
    that cannot be read.
    """
    recordings: list[Recording] = []
    mined = MinedFolders()
    for folder, audio in _audio_of(folders):
        if event := _first_event(folder, audio):
            raise DatasetError(
                f"{event.place}: {event.label!r} is labelled in a recording of {folder}, which was "
                "declared free of events; give it as part of the dataset, or move recordings with events elsewhere"
            )
        recordings += [_recording(path, None if mined.hold(path, folder) else channel) for path in audio]
    return without_constant(recordings)


def require_not_labelled(background: Sequence[Recording], dataset: Dataset) -> None:
    """Raise DatasetError for a recording of the background whose content is that of one of the dataset with events."""
    own = {content_id(each.path): each.path for each in background}
    for each in dataset.recordings if own else ():
        if each.annotations and (copy := own.get(content_id(each.path))):
            event = each.annotations[0]
            raise DatasetError(
                f"{copy}: was declared free of events, but is the same recording as {each.path}, in which "
                f"{event.label!r} is labelled ({event.place}); leave it out of --background, or correct the labels"
            )


def without_copies(recordings: Sequence[Recording], others: Iterable[Recording] = ()) -> list[Recording]:
    """Return the recordings whose content is not that of one before them or of the others, and warn of the rest.

    Where hours count, none counts twice. Files are compared whole, because recordings of a microphone that is muted
    in between may have the same `content_id`.
    """
    seen: dict[str, list[Path]] = {}
    for each in others if recordings else ():
        seen.setdefault(content_id(each.path), []).append(each.path)
    kept, copies = [], []
    for each in recordings:
        alike = seen.setdefault(content_id(each.path), [])
        original = next((path for path in alike if cmp(path, each.path, shallow=False)), None)
        if original is None:
            kept.append(each)
            alike.append(each.path)
        else:
            same_file = each.path.resolve() == original.resolve()
            copies.append(str(each.path) if same_file else f"{each.path} (the same as {original})")
    if copies:
        logger.warning(
            f"{len(copies)} of {len(recordings)} recordings are left out, as their hours would count twice: "
            f"{first_names(copies)}"
        )
    return kept


def open_unlabelled(folders: Iterable[Path], channel: int | None = None) -> list[Recording]:
    """Return the recordings of folders whose labels, if there are any, are of no interest.

    channel: counted from 1; None: the mean of all. What was mined has one channel, the one that was chosen then.

    Recordings whose samples are all the same are left out, with a warning. Raises DatasetError for a folder that is
    missing, holds no audio or a file twice, and when all are left out; AudioError for files that cannot be read.
    """
    mined = MinedFolders()
    return without_constant(
        [
            _recording(path, None if mined.hold(path, folder) else channel)
            for folder, audio in _audio_of(folders)
            for path in audio
        ]
    )


def _audio_of(folders: Iterable[Path]) -> Iterator[tuple[Path, list[Path]]]:
    """Yield each folder with its audio files. Raises DatasetError for a file that is there twice."""
    seen: dict[Path, Path] = {}
    for folder in folders:
        audio = audio_files(folder)
        for path in audio:
            if (first := seen.setdefault(path.resolve(), path)) is not path:
                other = "comes twice" if first == path else f"is the same file as {first}"
                raise DatasetError(f"{path}: {other}; give each folder once, and remove links to recordings")
        yield folder, audio


def _recording(path: Path, channel: int | None) -> Recording:
    duration_s = AudioFile(path, 1, channel).duration_s  # the rate does not matter here
    if duration_s == 0:
        raise AudioError(f"{path}: contains no samples; replace or remove the file")
    return Recording(path, f"background {path}", f"background {path.parent}", duration_s, (), channel=channel)


def _first_event(folder: Path, audio: Sequence[Path]) -> Annotation | None:
    """Return an event of the label files below the folder, or of a table above. Raises the first error of those below.

    Errors of a table above are those of its dataset, and most of its rows are about other recordings.
    """
    found = Findings()
    events = _events(audacity_labels(folder, audio, found), audio)
    tables = [each for each in walk_files(folder) if each.name.lower() in TABLES and not hidden(each, folder)]
    for parent in sorted({each.parent for each in tables}):
        if table := table_in(parent, found):
            below = [path for path in audio if parent in path.parents]
            events += _events(LabelTable(table, below, found).read().labels, below)
    if found.errors:
        raise found.errors[0]
    for table in _tables_above(folder, audio):
        around = audio_files(table.parent, Findings())
        events += _events(LabelTable(table, around, Findings()).read().labels, audio)
    return events[0] if events else None


def _tables_above(folder: Path, audio: Sequence[Path]) -> Iterator[Path]:
    """Yield the tables in the folders above that give an event to a recording with a name that is in `audio`."""
    names, real = {_name(each.name) for each in audio}, folder.resolve()
    for above in real.parents:
        if hidden(real, above):
            return  # a dataset has no recordings in hidden folders
        table = table_in(above, Findings()) if os.access(above, os.R_OK | os.X_OK) else None
        if table and any(events and _name(file) in names for file, events in read_dcase(table, []).items()):
            yield table


def _name(file: str) -> str:
    """Return what tells recordings apart in a table: the name without folders and suffix."""
    return without_suffix(same_form(file).rpartition("/")[2])


def _events(labels: Labels, audio: Sequence[Path]) -> list[Annotation]:
    """Return the events of these recordings, which the labels may name by another path."""
    own = {path.resolve() for path in audio}
    return [event for file, events in labels.items() if file.resolve() in own for event in events]
