"""The table of label formats: how each is read and written, and how a file is recognized."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stapes.firmware_sim.errors import LabelError, StapesError
from stapes.runtime.labels.annotation import Annotation, read_lines
from stapes.runtime.labels.audacity import read_audacity, write_audacity
from stapes.runtime.labels.dcase import read_dcase, write_csv, write_dcase
from stapes.runtime.labels.elan import read_elan, write_elan
from stapes.runtime.labels.jams import read_jams, write_jams
from stapes.runtime.labels.labelstudio import read_labelstudio, write_labelstudio
from stapes.runtime.labels.raven import BEGIN, read_raven, write_raven

Recordings = Mapping[str, Sequence[Annotation]]  # recording name -> its annotations, [] when it holds none
Reader = Callable[[Path, list[StapesError] | None], dict[str, list[Annotation]]]


@dataclass(frozen=True)
class LabelFormat:
    """How the labels of recordings lie in files of one kind."""

    suffix: str
    read: Reader
    write_all: Callable[[Recordings], str] | None  # one file for many recordings
    write_one: Callable[[Sequence[Annotation]], str] | None  # else one file for each


def _read_audacity(path: Path, collected: list[StapesError] | None) -> dict[str, list[Annotation]]:
    return {path.stem: read_audacity(path, collected)}


LABEL_FORMATS = {
    "audacity": LabelFormat(".txt", _read_audacity, None, write_audacity),
    "dcase": LabelFormat(".tsv", read_dcase, write_dcase, None),
    "csv": LabelFormat(".csv", read_dcase, write_csv, None),
    "raven": LabelFormat(".selections.txt", read_raven, None, write_raven),
    "labelstudio": LabelFormat(".json", read_labelstudio, write_labelstudio, None),
    "elan": LabelFormat(".eaf", read_elan, None, write_elan),
    "jams": LabelFormat(".jams", read_jams, None, write_jams),
}


def recognize(path: Path) -> str:
    """Return the name of the format that a label file has, by its ending and its first line."""
    suffix = path.suffix.lower()
    by_ending = {".json": "labelstudio", ".tsv": "dcase", ".csv": "csv", ".eaf": "elan", ".jams": "jams"}
    if suffix in by_ending:
        return by_ending[suffix]
    if suffix == ".txt":
        return "raven" if BEGIN in read_lines(path)[0].split("\t") else "audacity"
    raise LabelError(f"{path}: the ending says no format of {', '.join(LABEL_FORMATS)}; name one with --from")
