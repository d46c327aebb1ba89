"""The labels of a dataset, read from and changed in the files that they are in: labels.tsv or .csv, or label tracks.

A recording without any gets a row where there is a table for it, and a label track beside it otherwise. A change names
what it replaces, so that two programs that change one file at a time lose nothing: what a change replaces must be in
the file as it is then. What is not changed stays byte for byte.
"""

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from stapes.firmware_sim.errors import DatasetError, LabelError, OutputError
from stapes.runtime.labels import Annotation
from stapes.runtime.labels.names import RecordingNames
from stapes.runtime.live.clip_files import read_description
from stapes.train.data.findings import Findings
from stapes.train.data.label_sources import has_own_track, read_label_map
from stapes.train.label.label_changes import Change, LabelConflictError, Memory, RecordingRows, by_time
from stapes.train.label.label_places import LabelPlace, LabelPlaces, label_places
from stapes.train.label.label_text import Event, Piece, Table, Track, checked_event
from stapes.train.label.states import editing, write_synced

__all__ = ["Change", "Event", "LabelConflictError", "LabelStore", "RecordingLabels", "UnknownRecordingError"]

SEEN_S = 1.0  # how long the list of files is taken for true where nothing is written
Stamp = tuple[int, int, int] | None  # time of the last change, size and number of a file; None: there is none


class UnknownRecordingError(DatasetError):
    """No recording of the dataset has this name."""


@dataclass(frozen=True)
class RecordingLabels:
    """The labels of a recording as they stand in its file, by time."""

    place: LabelPlace
    events: list[Annotation]
    ignored: list[Annotation]  # those that count for no class, because of label_map.tsv or as near misses
    is_listed: bool  # whether a file says something of the recording: its events, or that it has none


@dataclass(frozen=True)
class _Parsed:
    """A label file as it was read. It is not changed: other threads read it."""

    stamp: Stamp
    data: bytes
    text: Table | Track
    owner: dict[str, Path] = field(default_factory=dict)  # the recording that a name in a table means
    rows: dict[Path, list[Piece]] = field(default_factory=dict)  # of each recording in a table


class LabelStore:
    """Reads and changes the labels of a dataset's recordings, which are named by their paths below it, with slashes.

    Any thread may use it. Methods raise UnknownRecordingError for a name that no recording has, LabelError (with file
    and line) for a label file that is malformed, and DatasetError where it is not clear which file counts.
    """

    def __init__(self, dataset: Path) -> None:
        self.dataset = dataset
        self._lock = threading.RLock()
        self._places: LabelPlaces | None = None
        self._seen_s = 0.0
        self._parsed: dict[Path, _Parsed] = {}
        self._ignored_labels: tuple[Stamp, frozenset[str]] = (None, frozenset())
        self._memory = Memory()
        self._made: set[Path] = set()  # tracks that the first label of a recording made

    def recordings(self) -> dict[str, Path]:
        """Return the name and the file of every recording, sorted by path."""
        return self._look().recordings

    def version(self) -> object:
        """Return something that differs from what it was before when a recording or a label file has changed since."""
        places = self._look()
        own_tracks = {each.with_suffix(".txt") for each in chain.from_iterable(places.of_table.values())}
        files = [*sorted(places.files | own_tracks), self.dataset / "label_map.tsv"]
        return list(places.recordings), [(each, stamp) for each in files if (stamp := _stamp(each))]

    def path_of(self, recording: str) -> Path:
        """Return the file of a recording."""
        path = self.recordings().get(recording) or self._look(anew=True).recordings.get(recording)
        if path is None:
            raise UnknownRecordingError(f"{self.dataset} has no recording {recording!r}; reload the page")
        return path

    def read(self, recording: str) -> RecordingLabels:
        """Return the labels of a recording."""
        path = self.path_of(recording)
        with self._lock:
            place = self._place(path)
            if place.kind == "none":
                return RecordingLabels(place, [], [], False)
            parsed = self._parse(place)
            rows = parsed.text.pieces if isinstance(parsed.text, Track) else parsed.rows.get(path, [])
            description = read_description(path)
            ignored = self._ignored() | (description.near_miss_labels if description else frozenset())
            events = by_time(each.event for each in rows if each.event)
            return RecordingLabels(
                place,
                [each for each in events if each.label not in ignored],
                [each for each in events if each.label in ignored],
                place.kind == "track" or bool(rows),
            )

    def classes(self) -> list[str]:
        """Return every label in the dataset that counts, as it stands in the files, sorted.

        Files that cannot be read are left out.
        """
        labels: set[str] = set()
        for name in self.recordings():
            try:
                labels |= {each.label for each in self.read(name).events}
            except (LabelError, DatasetError):
                continue
        return sorted(labels - {""})

    def change(self, recording: str, changes: Sequence[Change]) -> list[Annotation]:
        """Change labels of a recording, all or none; return those that count, by time, when they are on the disk.

        Raises LabelConflictError when what a change replaces is not in the file, LabelError for a label that cannot be
        written, and OutputError.
        """

        def edit(rows: RecordingRows) -> None:
            for each in changes:
                rows.change(Change(each.before, checked_event(each.after, each.before) if each.after else None))

        with self._lock:
            self._edit(recording, edit)
            return self.read(recording).events

    def mark_empty(self, recording: str) -> None:
        """Write that a recording was listened to and has no event: an empty track, or a row without times.

        Raises LabelConflictError for a recording with labels.
        """

        def edit(rows: RecordingRows) -> None:
            rows.require_no_events("empty")
            rows.add_empty()

        self._edit(recording, edit)

    def mark_unlabelled(self, recording: str) -> None:
        """Take back what `mark_empty` wrote.

        Raises LabelConflictError for a recording with labels, LabelError where its row or track says something else.
        """

        def edit(rows: RecordingRows) -> None:
            rows.require_no_events("unlabelled")
            rows.remove_empty()
            if isinstance(rows.text, Track) and not any(each.text.strip() for each in rows.text.pieces):
                self._made.add(rows.text.path)

        self._edit(recording, edit)

    def _look(self, anew: bool = False) -> LabelPlaces:
        with self._lock:
            if anew or self._places is None or time.monotonic() > self._seen_s + SEEN_S:
                places = label_places(self.dataset)
                if self._places is None or places.recordings != self._places.recordings:
                    self._parsed.clear()  # the names in a table may mean other recordings
                self._places, self._seen_s = places, time.monotonic()
            return self._places

    def _place(self, path: Path) -> LabelPlace:
        """Return where the labels of a recording are; a clip that the table does not name brings its own track."""
        place = self._look().of(path)
        if place.kind == "table" and has_own_track(path) and path not in self._parse(place).rows:
            return LabelPlace("track", path.with_suffix(".txt"))
        return place

    def _ignored(self) -> frozenset[str]:
        path = self.dataset / "label_map.tsv"
        stamp = _stamp(path)
        if stamp != self._ignored_labels[0]:
            mapping = read_label_map(path, Findings()) if stamp else {}
            self._ignored_labels = stamp, frozenset(label for label, name in mapping.items() if not name)
        return self._ignored_labels[1]

    def _parse(self, place: LabelPlace) -> _Parsed:
        """Return a label file as it is now; it is read again only when it was changed."""
        stamp = _stamp(place.file)
        parsed = self._parsed.get(place.file)
        if parsed is None or parsed.stamp != stamp or stamp is None:
            data = _content(place.file) if stamp else b""
            text = (Table if place.kind == "table" else Track).read(place.file, data)
            parsed = self._parsed[place.file] = self._owned(_Parsed(stamp, data, text), place)
        return parsed

    def _owned(self, parsed: _Parsed, place: LabelPlace) -> _Parsed:
        """Return a label file with the recordings that the names in it mean."""
        table = parsed.text
        if isinstance(table, Track):
            return parsed
        names = RecordingNames(place.file.parent, self._look().of_table[place.file])
        owner: dict[str, Path] = {}
        for name in dict.fromkeys(each.name for each in table.pieces if each.name):
            try:
                owner[name] = names.find(name)
            except LabelError:  # `stapes check` shows it; the row stays as it is
                continue
        rows: dict[Path, list[Piece]] = defaultdict(list)
        for piece in table.pieces:
            if piece.name in owner:
                rows[owner[piece.name]].append(piece)
        return replace(parsed, owner=owner, rows=dict(rows))

    def _rows(self, recording: str, place: LabelPlace, parsed: _Parsed) -> RecordingRows:
        """Return the rows of a recording in a copy of its file's text."""
        path, text = self._look().recordings[recording], replace(parsed.text, pieces=list(parsed.text.pieces))
        if isinstance(text, Track):
            return RecordingRows(text, recording, "", {""}, self._memory)
        name = path.relative_to(place.file.parent).as_posix()
        own = {each for each, owner in parsed.owner.items() if owner == path} | {name}
        return RecordingRows(text, recording, name, own, self._memory)

    def _edit(self, recording: str, edit: Callable[[RecordingRows], None]) -> None:
        """Change the file that holds the labels of a recording, as it is now."""
        with self._lock, editing(self.dataset):
            while True:
                self._look(anew=True)
                place = self._place(self.path_of(recording))
                parsed = self._parse(place)
                rows = self._rows(recording, place, parsed)
                try:
                    edit(rows)
                except LabelConflictError as error:
                    raise LabelConflictError(str(error), self.read(recording).events) from error
                if _stamp(place.file) == parsed.stamp:  # otherwise another program has changed it meanwhile
                    self._write(place, parsed, rows)
                    return

    def _write(self, place: LabelPlace, before: _Parsed, rows: RecordingRows) -> None:
        after = rows.text.render()
        if place.kind != "table" and not after and place.file in self._made:
            self._made.discard(place.file)
            _remove(place.file)
        elif after != before.data or before.stamp is None:
            text = type(rows.text).read(place.file, after)
            _require_readable(rows, text)
            if before.stamp is None and after:
                self._made.add(place.file)
            stamp = _stamp_of(write_synced(place.file, after))
            self._parsed[place.file] = self._owned(_Parsed(stamp, after, text), place)
        if (before.stamp is None) != (_stamp(place.file) is None):
            self._look(anew=True)


def _require_readable(rows: RecordingRows, again: Table | Track) -> None:
    """Raise LabelError unless a reader of the new file finds what was meant."""
    meant, read = (
        [(each.name, each.event and Event.of(each.event).key) for each in text.pieces if each.name is not None]
        for text in (rows.text, again)
    )
    if meant != read:
        raise LabelError(f"{again.path}: cannot hold this label so that it is read again as it is; choose another one")


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LabelError(f"{path}: cannot be read ({error.strerror}); check the permissions") from error
    return _stamp_of(status)


def _stamp_of(status: os.stat_result) -> Stamp:
    return status.st_mtime_ns, status.st_size, status.st_ino


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LabelError(f"{path}: cannot be read ({error.strerror}); check the name and the permissions") from error


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be deleted ({error.strerror}); check the permissions") from error
