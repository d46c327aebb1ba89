"""Which file holds the labels of each recording of a dataset, decided as `train/data/dataset.py` decides it."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from stapes.firmware_sim.errors import DatasetError
from stapes.runtime.labels.names import is_audio, same_form
from stapes.runtime.walk import is_utf8, walk_files
from stapes.train.data.findings import Findings
from stapes.train.data.label_sources import label_tracks, table_in, track_owners
from stapes.train.data.parts import SPLITS


@dataclass(frozen=True)
class LabelPlace:
    """Where the labels of a recording are; for the kind "none", the label track that its first label makes."""

    kind: str  # "table", "track" or "none"
    file: Path


@dataclass
class LabelPlaces:
    """The recordings of a dataset by name (path below it, with slashes), and the places of their labels."""

    recordings: dict[str, Path]
    of_table: dict[Path, list[Path]] = field(default_factory=dict)  # the recordings whose labels are in a table
    _places: dict[Path, LabelPlace | DatasetError] = field(default_factory=dict)

    def of(self, recording: Path) -> LabelPlace:
        """Return where the labels of a recording are. Raises DatasetError where it is not clear which file counts."""
        place = self._places[recording]
        if isinstance(place, DatasetError):
            raise place
        return place

    @property
    def files(self) -> set[Path]:
        """All label files, and those that the first labels of recordings would make."""
        return {each.file for each in self._places.values() if isinstance(each, LabelPlace)}

    def enter(self, recordings: list[Path], place: LabelPlace | DatasetError) -> None:
        """Say where the labels of some recordings are."""
        self._places |= dict.fromkeys(recordings, place)
        if isinstance(place, LabelPlace) and place.kind == "table":
            self.of_table.setdefault(place.file, []).extend(recordings)


def label_places(dataset: Path) -> LabelPlaces:
    """Return the places of all labels as they are now."""
    recordings = _recordings(dataset)
    places = LabelPlaces(recordings)
    fixed = [split for split in SPLITS if (dataset / split).is_dir()]
    parts: dict[str, list[Path]] = defaultdict(list)
    for name, file in recordings.items():
        top, slash, _ = name.partition("/")
        parts[top if slash and top in fixed else ""].append(file)
    for part, files in parts.items():
        found = Findings()
        table = (table_in(dataset / part, found) if part else None) or table_in(dataset, found)
        if found.errors:
            places.enter(files, DatasetError(str(found.errors[0])))
        elif table:
            places.enter(files, LabelPlace("table", table))
        else:
            _enter_tracks(places, files, dataset / part, [dataset / split for split in fixed if not part])
    return places


def _recordings(dataset: Path) -> dict[str, Path]:
    """Return name -> file, sorted by folders; it is asked once a second, so paths are compared as texts."""
    beginning = len(str(dataset)) + 1 if str(dataset) != "." else 0
    named = {str(each)[beginning:]: each for each in walk_files(dataset) if is_audio(each.name)}
    return {
        name: named[name]
        for name in sorted(named, key=lambda each: each.split("/"))
        if "/." not in f"/{name}" and is_utf8(named[name])
    }


def _enter_tracks(places: LabelPlaces, files: list[Path], folder: Path, excluded: list[Path]) -> None:
    tracks = [each for each in label_tracks(folder) if not any(other in each.parents for other in excluded)]
    track_of = track_owners(files, tracks, Findings())
    alike = Counter((each.parent, same_form(each.stem)) for each in files)
    for file in files:
        if file not in track_of:
            is_alone = alike[file.parent, same_form(file.stem)] == 1
            track = file.with_suffix(".txt") if is_alone else file.with_name(f"{file.name}.txt")
            places.enter([file], LabelPlace("none", track))
        elif (own := track_of[file]) is not None:
            places.enter([file], LabelPlace("track", own))
        else:
            text = f"{file}: it is not clear which label track belongs to it; rename one of those with its name"
            places.enter([file], DatasetError(text))
