"""Find the labels of each recording: in a table for many recordings, or in an Audacity label track for each one."""

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from stapes.firmware_sim.errors import DatasetError, LabelError
from stapes.runtime.labels import Annotation, read_audacity, read_dcase
from stapes.runtime.labels.annotation import Problems
from stapes.runtime.labels.dcase import OPTIONAL
from stapes.runtime.labels.names import RecordingNames, is_audio, same_form
from stapes.runtime.labels.table import read_table
from stapes.runtime.labels.wav_marks import has_wav_marks
from stapes.runtime.live.clip_files import read_description
from stapes.runtime.walk import hidden, walk_files
from stapes.train.data.findings import Findings

TABLES = ("labels.tsv", "labels.csv")
OTHER_TRACKS = (".TextGrid", ".eaf", ".jams")  # suffixes of label files of single recordings that only `labels` reads
Labels = dict[Path, list[Annotation]]  # audio file -> its annotations; files that are not annotated are missing


@dataclass(frozen=True)
class RecordingLabels:
    """The contents of the label files of some recordings."""

    labels: Labels
    groups: dict[Path, str] = field(default_factory=dict)  # of each recording that has one, from the column `group`
    sources: dict[Path, set[str]] = field(default_factory=dict)  # of each recording's events, from the column `source`
    by_track: frozenset[Path] = frozenset()  # clips whose own tracks count although there is a table


class LabelTable:
    """A labels.tsv; recordings that it does not name are free of events.

    Clips of `stapes listen --record` bring their labels along: the track of one that the table does not name counts.
    """

    def __init__(self, path: Path, audio: Sequence[Path], found: Findings) -> None:
        self.path = path
        self._audio = audio
        self._names = RecordingNames(path.parent, audio, f"correct the name in {path.name}")
        self._found = found

    def read(self) -> RecordingLabels:
        """Return the contents of the table; faulty rows are kept as errors."""
        labels, named = self._labels()
        by_track = frozenset(filter(has_own_track, set(labels) - named))
        labels |= {clip: read_audacity(clip.with_suffix(".txt"), self._found.errors) for clip in sorted(by_track)}
        groups, sources = self._groups_and_sources()
        for file, events in labels.items():
            sources[file] |= {event.columns["source"] for event in events if event.columns.get("source")}
        return RecordingLabels(labels, groups, sources, by_track)

    def _labels(self) -> tuple[Labels, set[Path]]:
        """Return the annotations of every recording, and which are named; rows that name none are kept as errors."""
        labels: Labels = {file: [] for file in self._audio}
        named: set[Path] = set()
        further = self._further_columns()
        for name, events in read_dcase(self.path, self._found.errors).items():
            place = events[0].place if events else str(self.path)
            try:
                file = self._names.find(name)
            except LabelError as error:
                self._found.error(DatasetError(f"{place}: {self._left_out(name) or error}"))
                continue
            if self._names.differs_in_folders(name, file):
                self._found.note("names match a recording in another folder, by file name only", place, str(file))
            named.add(file)
            labels[file] += [replace(e, columns={**e.columns, **further.get(_key(file, e), {})}) for e in events]
        return labels, named

    def _left_out(self, name: str) -> str:
        """Return what to do about a recording that is there and not read, as it lies outside of the split folders."""
        if not is_audio(name) or not os.path.isfile(self.path.parent / same_form(name)):  # False for too long a name
            return ""
        return (
            f"{name} lies outside of the folders of the splits, so that it is left out; move it into one of them and "
            "correct the name, or delete its rows"
        )

    def _further_columns(self) -> dict[tuple[Path, int, int, str], dict[str, str]]:
        """Return the columns of an events_meta.tsv beside the table, such as snr_db and source, for each event."""
        path = self.path.with_name("events_meta.tsv")
        further: dict[tuple[Path, int, int, str], dict[str, str]] = {}
        for name, events in (read_dcase(path, self._found.errors) if path.is_file() else {}).items():
            file = self._match(name)
            if file is not None:
                further |= {_key(file, each): dict(each.columns) for each in events}
        return further

    def _groups_and_sources(self) -> tuple[dict[Path, str], dict[Path, set[str]]]:
        """Return the values of the columns `group` and `source` for each recording, also from rows without times.

        A recording in two groups is an error; its events may come from several sources.
        """
        groups: dict[Path, str] = {}
        sources: dict[Path, set[str]] = defaultdict(set)
        for place, row in read_table(self.path, ["filename"], Problems([]), optional=OPTIONAL):
            file, group, source = self._match(row["filename"]), row.get("group", ""), row.get("source", "")
            if file is not None and group and groups.setdefault(file, group) != group:
                self._found.error(
                    LabelError(
                        f"{place}: {file.name} is in group {group!r} here and in {groups[file]!r} above; keep one of "
                        "them"
                    )
                )
            if file is not None and source:
                sources[file].add(source)
        return groups, sources

    def _match(self, name: str) -> Path | None:
        try:
            return self._names.find(name)
        except LabelError:
            return None


def has_own_track(recording: Path) -> bool:
    """Return whether a recording is a clip of `stapes listen --record` that has its label track beside it."""
    return recording.with_suffix(".txt").is_file() and read_description(recording) is not None


def _key(file: Path, event: Annotation) -> tuple[Path, int, int, str]:
    return file, round(event.onset * 1e6), round(event.offset * 1e6), event.label


def table_in(folder: Path, found: Findings) -> Path | None:
    """Return the labels.tsv or labels.csv of a folder, or None. Both are an error, and the first of them counts."""
    tables = [each for each in sorted(folder.iterdir(), reverse=True) if each.name.lower() in TABLES and each.is_file()]
    if len(tables) > 1:
        names = " and ".join(each.name for each in tables)
        found.error(DatasetError(f"{folder}: has {names}, and it is not clear which one counts; keep one of them"))
    return tables[0] if tables else None


def refuse_deeper_tables(parts: Collection[Path], found: Findings) -> None:
    """Keep an error for every table in a folder below those that may have one, the folders `parts`.

    Nothing reads it, and the events in it would be taught as sounds that are none.
    """
    files = {file: part for part in sorted(parts) for file in walk_files(part)}  # the innermost part is the last one
    for file, part in sorted(files.items()):
        if file.name.lower() in TABLES and file.parent not in parts and not hidden(file, part):
            example = (file.parent / "FILENAME").relative_to(part).as_posix()
            found.error(
                DatasetError(
                    f"{file}: is not read, as tables in folders below {part} do not count; "
                    f"move its rows to a table in {part}, with filenames such as {example}"
                )
            )


def note_ignored_tracks(
    folder: Path, audio: Sequence[Path], table: Path, found: Findings, by_track: Collection[Path]
) -> None:
    """Note every label track with labels that is not read, because there is a table; those of `by_track` are read."""
    tracks = label_tracks(folder)
    by_name = {same_form(name): file for file in audio if file not in by_track for name in (file.name, file.stem)}
    for track in tracks:
        file = by_name.get(same_form(track.stem))
        if file is not None and track.stat().st_size:
            kind = f"label tracks are not read, because {table} counts for all recordings: add their labels to it"
            found.note(kind, track)


def audacity_labels(folder: Path, audio: Sequence[Path], found: Findings, excluded: Sequence[Path] = ()) -> Labels:
    """Return the annotations of each recording that has a label track; see `track_owners`."""
    tracks = [each for each in label_tracks(folder) if not any(other in each.parents for other in excluded)]
    track_of = track_owners(audio, tracks, found)
    for file in audio:
        if file not in track_of:
            _note_unlabelled(file, folder, found)
    for track in sorted(set(tracks) - {each for each in track_of.values() if each}):
        found.note("text files belong to no recording: not read (`stapes labels` reads tables of Raven)", track)
    return {file: read_audacity(track, found.errors) for file, track in track_of.items() if track}


def track_owners(audio: Sequence[Path], tracks: Sequence[Path], found: Findings) -> dict[Path, Path | None]:
    """Return the label track of each recording that has one; None where it is not clear which, which is an error.

    The track is a .txt file with the name of the recording, with or without its suffix, beside it or in another folder.
    One that lies beside a recording with its name belongs to no recording in another folder.
    """
    named: dict[str, list[Path]] = defaultdict(list)
    for track in sorted(tracks):
        named[same_form(track.stem)].append(track)
    choices_of = {
        file: [track for name in (file.stem, file.name) for track in named.get(same_form(name), [])] for file in audio
    }
    beside = {track for file, choices in choices_of.items() for track in choices if track.parent == file.parent}
    owner: dict[Path, Path] = {}
    track_of: dict[Path, Path | None] = {}
    for file, choices in choices_of.items():
        own = [track for track in choices if track.parent == file.parent]
        choices = own or [track for track in choices if track not in beside]
        if len(choices) > 1 or (choices and choices[0] in owner):
            candidates = _listed(choices if len(choices) > 1 else [owner[choices[0]], file])
            track_of[file] = None
            found.error(
                DatasetError(f"{file}: it is not clear which label track belongs to it ({candidates}); rename one")
            )
        elif choices:
            owner[choices[0]] = file
            track_of[file] = choices[0]
    return track_of


def _note_unlabelled(file: Path, folder: Path, found: Findings) -> None:
    """Note a recording without a label track, and labels of other kinds that may be its own."""
    found.note("recordings without a label track: not annotated, left out", file)
    if file.suffix.lower() == ".wav" and has_wav_marks(file):
        found.note(f"recordings hold marks of their own: {_as_table(folder, '*.wav')} makes labels of them", file)
    for suffix in OTHER_TRACKS:
        for other in (file.with_suffix(suffix), file.with_name(file.name + suffix)):
            if other.is_file():
                kind = f"label files of another format are not read: {_as_table(folder, f'*{suffix}')} makes a table"
                found.note(kind, other)


def _as_table(folder: Path, files: str) -> str:
    return f"`stapes labels {folder / files} --audio {folder} --out {folder / TABLES[0]}`"


def label_tracks(folder: Path) -> list[Path]:
    """Return the text files below a folder, each of which may be the label track of a recording."""
    return [each for each in walk_files(folder) if each.suffix.lower() == ".txt" and not hidden(each, folder)]


def read_label_map(path: Path, found: Findings) -> dict[str, str]:
    """Return label -> class from a label_map.tsv (columns label, class); an empty class means to ignore the label."""
    mapping: dict[str, str] = {}
    for place, row in read_table(path, ["label", "class"], Problems(found.errors)):
        label, name = row["label"], row["class"]
        if mapping.setdefault(label, name) != name:
            found.error(LabelError(f"{place}: {label!r} is already mapped to {mapping[label]!r}; keep one row"))
    return mapping


def _listed(files: Iterable[Path]) -> str:
    return ", ".join(str(each) for each in list(files)[:3])
