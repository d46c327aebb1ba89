"""Find the labels of each recording: in a table for many recordings, or in an Audacity label track for each one."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from stapes.firmware_sim.errors import DatasetError, LabelError
from stapes.runtime.labels import Annotation, read_audacity, read_dcase
from stapes.runtime.labels.annotation import Problems
from stapes.runtime.labels.table import read_table
from stapes.train.data.findings import Findings

Labels = dict[Path, list[Annotation]]  # audio file -> its annotations; files that are not annotated are missing


@dataclass(frozen=True)
class RecordingLabels:
    """The contents of the label files of some recordings."""

    labels: Labels
    groups: dict[Path, str] = field(default_factory=dict)  # of each recording that has one, from the column `group`
    sources: dict[Path, set[str]] = field(default_factory=dict)  # of each recording's events, from the column `source`


class LabelTable:
    """A labels.tsv; recordings that it does not name are free of events."""

    def __init__(self, path: Path, audio: Sequence[Path], found: Findings) -> None:
        self.path = path
        self._audio = set(audio)
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        for file in audio:
            self._by_name[file.name].append(file)
        self._found = found

    def read(self) -> RecordingLabels:
        """Return the contents of the table; faulty rows are kept as errors."""
        labels = self._labels()
        groups, sources = self._groups_and_sources()
        for file, events in labels.items():
            sources[file] |= {event.columns["source"] for event in events if event.columns.get("source")}
        return RecordingLabels(labels, groups, sources)

    def _labels(self) -> Labels:
        """Return the annotations of every recording; rows that name no recording are kept as errors."""
        labels: Labels = {file: [] for file in self._audio}
        further = self._further_columns()
        for name, events in read_dcase(self.path, self._found.errors).items():
            file = self._match(name)
            if file is None:
                place = events[0].place if events else str(self.path)
                self._found.error(DatasetError(f"{place}: {name!r} {self._why_not(name)}"))
            else:
                labels[file] += [replace(e, columns={**e.columns, **further.get(_key(file, e), {})}) for e in events]
        return labels

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
        for place, row in read_table(self.path, ["filename"], Problems([])):
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
        relative = Path(name.replace("\\", "/"))
        if (self.path.parent / relative) in self._audio:
            return self.path.parent / relative
        same = self._by_name.get(relative.name, [])
        return same[0] if len(same) == 1 else None

    def _why_not(self, name: str) -> str:
        relative = Path(name.replace("\\", "/"))
        if same := self._by_name.get(relative.name):
            how = f"write the path relative to {self.path.parent}"
            return f"is the name of {len(same)} recordings ({_listed(same)}); {how}"
        alike = [each.name for each in sorted(self._audio) if each.stem == relative.stem]
        hint = f"is {alike[0]} meant?" if alike else "add the recording or delete these rows"
        return f"is no recording below {self.path.parent}; {hint}"


def _key(file: Path, event: Annotation) -> tuple[Path, int, int, str]:
    return file, round(event.onset * 1e6), round(event.offset * 1e6), event.label


def audacity_labels(folder: Path, audio: Sequence[Path], found: Findings) -> Labels:
    """Return the annotations of each recording that has a label track.

    The track is a .txt file with the name of the recording, beside it or anywhere below `folder`.
    """
    tracks = {file for file in folder.rglob("*.txt") if not hidden(file, folder)}
    elsewhere: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(tracks):
        elsewhere[file.stem].append(file)
    labels: Labels = {}
    owner: dict[Path, Path] = {}
    for file in audio:
        beside = file.with_suffix(".txt")
        choices = [beside] if beside in tracks else elsewhere.get(file.stem, [])
        if not choices:
            found.note("recordings without a label track: not annotated, left out", file)
        elif len(choices) > 1 or choices[0] in owner:
            candidates = _listed(choices if len(choices) > 1 else [owner[choices[0]], file])
            found.error(
                DatasetError(f"{file}: it is not clear which label track belongs to it ({candidates}); rename one")
            )
        else:
            owner[choices[0]] = file
            labels[file] = read_audacity(choices[0], found.errors)
    for track in sorted(tracks - set(owner)):
        found.note("text files belong to no recording: not read", track)
    return labels


def hidden(file: Path, folder: Path) -> bool:
    """Return whether the name of a file, or of a folder between it and `folder`, begins with a dot (as `._x.wav`)."""
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


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
