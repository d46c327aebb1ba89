"""Raven selection tables: tab-separated, with `Begin Time (s)` and `End Time (s)`, one row per selection and view.

In a table over several sound files, Begin Time counts from the start of the first file; then `Begin Path` or
`Begin File`, and `File Offset (s)`, state the file and the time of a selection. BirdNET writes such tables, too.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from stapes.firmware_sim.errors import LabelError, StapesError
from stapes.runtime.labels.annotation import Annotation, Problems, check_times, parse_number, parse_times, plain
from stapes.runtime.labels.names import name_of_file, shortest_names
from stapes.runtime.labels.table import column_key, read_table

BEGIN, END, FILE_OFFSET = "Begin Time (s)", "End Time (s)", "File Offset (s)"
FILE, FILE_PATH = "Begin File", "Begin Path"
_HEADER = ("Selection", "View", "Channel", BEGIN, END, "Low Freq (Hz)", "High Freq (Hz)")
_OPTIONAL = (*_HEADER, FILE, FILE_PATH, FILE_OFFSET, "Species Code")
_LABEL_NAMES = ("annotation", "species", "common name", "label", "tag", "class", "type", "call type")
_NO_CALL = "nocall"  # the label of BirdNET's row for a recording in which nothing was found


def begins_raven(line: str) -> bool:
    """Return whether a selection table can begin with this line."""
    return column_key(BEGIN) in {column_key(cell.strip('"')) for cell in line.split("\t")}


def read_raven(
    path: Path, collected: list[StapesError] | None = None, label_column: str = "", whole_paths: bool = False
) -> dict[str, list[Annotation]]:
    """Return recording name -> annotations; the name is that of `Begin Path` or `Begin File`, or else of the table.

    With `whole_paths` the name is the whole path, else as many of its last parts as tell the recordings apart. All
    columns are kept in `columns`. Without `label_column` the label is taken from the column Annotation, Species,
    Common Name, Label, Tag, Class, Type or Call Type. Raises LabelError for a bad row or a header without these
    columns, or puts it into `collected` and skips the row.
    """
    problems = Problems(collected)
    required = [BEGIN, END, *filter(None, [label_column])]
    rows = list(read_table(path, required, problems, optional=_OPTIONAL, delimiter="\t"))
    label_column = label_column or _label_column(path, rows, problems)
    if not label_column:
        return {}
    several = len({_file_of(row) for _, row in rows}) > 1
    recordings: dict[str, list[Annotation]] = {}
    seen: set[tuple[str, str]] = set()
    for place, row in rows:
        selection = row.get("Selection", "")
        # A selection has a row for each view, waveform and spectrogram.
        if selection and (selection, row[BEGIN]) in seen:
            continue
        seen.add((selection, row[BEGIN]))
        try:
            if several and not _file_of(row):
                raise LabelError(f"{place}: the row names no {FILE}, as others do; fill it in or delete the row")
            if _file_of(row).endswith(("/", "\\")):
                raise LabelError(f"{place}: {_file_of(row)!r} is a folder, not a file; correct or delete the row")
            onset, offset = _times(row, several, place)
        except LabelError as error:
            problems.keep(error)
            continue
        events = recordings.setdefault(_file_of(row) or name_of_file(path), [])
        if row[label_column].lower() != _NO_CALL:
            events.append(Annotation(onset, offset, row[label_column], columns=row, place=place))
    if not rows:
        return {name_of_file(path): []}
    if whole_paths:
        return recordings
    named: dict[str, list[Annotation]] = {}
    for path_of, name in shortest_names(recordings).items():  # a path with / and the same one with \ have one name
        named.setdefault(name, []).extend(recordings[path_of])
    return named


def _file_of(row: dict[str, str]) -> str:
    """Return the path or the name of the sound file of a row; "" when the table does not give it."""
    return row.get(FILE_PATH) or row.get(FILE, "")


def _label_column(path: Path, rows: Sequence[tuple[str, dict[str, str]]], problems: Problems) -> str:
    """Return the first usual name that the header has; "" when it has none and problems are collected."""
    columns = {column.lower(): column for column in (rows[0][1] if rows else _LABEL_NAMES)}
    found = next((columns[name] for name in _LABEL_NAMES if name in columns), "")
    if not found:
        own = [column for column in columns.values() if column not in _OPTIONAL]
        problems.add(
            f"{path}:1",
            f"no column Annotation or Species in the header; name the one of {', '.join(own) or 'its columns'} "
            "that contains the labels with --columns event_label=NAME",
        )
    return found


def _times(row: dict[str, str], several: bool, place: str) -> tuple[float, float]:
    begin, end = parse_times(row[BEGIN], row[END], place)
    if row.get(FILE_OFFSET):
        offset = parse_number(row[FILE_OFFSET], FILE_OFFSET, place)
        return check_times(offset, offset + end - begin, place)
    if several:
        raise LabelError(
            f"{place}: the table covers several files but has no {FILE_OFFSET!r}, and {BEGIN!r} counts over all of "
            "them; add that column in Raven and save the table again"
        )
    return begin, end


def write_raven(annotations: Sequence[Annotation], high_hz: float = 0.0) -> str:
    """Return the selection table of one recording; every selection reaches from 0 Hz to `high_hz`."""
    text = io.StringIO()
    table = csv.writer(text, delimiter="\t", lineterminator="\n")
    table.writerow([*_HEADER, "Annotation"])
    for number, each in enumerate(annotations, start=1):
        times = [f"{each.onset:.6f}", f"{each.offset:.6f}"]
        table.writerow([number, "Spectrogram 1", 1, *times, 0, high_hz, plain(each.label)])
    return text.getvalue()
