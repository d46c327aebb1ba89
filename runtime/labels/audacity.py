"""Audacity label tracks: `onset<TAB>offset<TAB>text`, seconds, no header, one file per recording.

A row that begins with a backslash gives the frequency range of the label above it; such rows are skipped.
"""

from collections.abc import Iterable
from pathlib import Path

from stapes.firmware_sim.errors import LabelError, StapesError
from stapes.runtime.labels.annotation import Annotation, Problems, parse_times, plain


def read_audacity(path: Path, collected: list[StapesError] | None = None) -> list[Annotation]:
    """Return the labels of one recording in the order of time; an empty file is a recording without events.

    A missing text becomes the label "", and tabs in a text become blanks. Raises LabelError for a bad row, or puts it
    into `collected` and skips the row.
    """
    problems = Problems(collected)
    annotations = []
    for number, line in enumerate(problems.lines(path), start=1):
        if not line.strip() or line.startswith("\\"):
            continue
        try:
            annotations.append(label_of(line, f"{path}:{number}"))
        except LabelError as error:
            problems.keep(error)
    return sorted(annotations, key=lambda each: (each.onset, each.offset, each.label))


def label_of(line: str, place: str) -> Annotation:
    """Return the label in a line of a track. Raises LabelError for a bad one."""
    fields = line.split("\t")
    if len(fields) < 2:
        raise LabelError(
            f"{place}: {line[:40]!r} is not an Audacity label (onset, tab, offset, tab, text); correct or delete it"
        )
    onset, offset = parse_times(fields[0], fields[1], place)
    return Annotation(onset, offset, " ".join(fields[2:]).strip(), place=place)


def write_audacity(annotations: Iterable[Annotation]) -> str:
    """Return the text of a label track, with times to the microsecond. Raises LabelError for a label with a tab."""
    return "".join(f"{each.onset:.6f}\t{each.offset:.6f}\t{plain(each.label)}\n" for each in annotations)
