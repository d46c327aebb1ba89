"""Raven selection tables: tab-separated, with `Begin Time (s)` and `End Time (s)`, one row per selection and view.

In a table over several sound files, Begin Time counts from the start of the first file; then `Begin File` and
`File Offset (s)` state the file and the time of a selection.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from stapes.firmware_sim.errors import LabelError, StapesError
from stapes.runtime.labels.annotation import Annotation, Problems, parse_number, parse_times, plain
from stapes.runtime.labels.dcase import read_table

BEGIN, END, FILE, FILE_OFFSET = "Begin Time (s)", "End Time (s)", "Begin File", "File Offset (s)"
_HEADER = ("Selection", "View", "Channel", BEGIN, END, "Low Freq (Hz)", "High Freq (Hz)")
_RAVENS_OWN = {*_HEADER, FILE, FILE_OFFSET}
_LABEL_NAMES = ("annotation", "species", "label", "tag", "class", "type", "call type")


def read_raven(
    path: Path, collected: list[StapesError] | None = None, label_column: str = ""
) -> dict[str, list[Annotation]]:
    """Return recording name -> annotations; the name is `Begin File`, or that of the table if there is no such column.

    All columns are kept in `columns`. Without `label_column` the label is taken from the column Annotation, Species,
    Label, Tag, Class, Type or Call Type. Raises LabelError for a bad row or a header without these columns, or puts it
    into `collected` and skips the row.
    """
    problems = Problems(collected)
    required = [BEGIN, END, *filter(None, [label_column])]
    rows = list(read_table(path, required, problems, delimiter="\t"))
    label_column = label_column or _label_column(path, rows, problems)
    if not label_column:
        return {}
    name_of = path.name.split(".")[0]  # Raven calls tables x.Table.1.selections.txt
    several = len({row.get(FILE, "") for _, row in rows}) > 1
    recordings: dict[str, list[Annotation]] = {}
    seen: set[tuple[str, str]] = set()
    for place, row in rows:
        selection = row.get("Selection", "")
        # A selection has a row for each view, waveform and spectrogram.
        if selection and (selection, row[BEGIN]) in seen:
            continue
        seen.add((selection, row[BEGIN]))
        try:
            onset, offset = _times(row, several, place)
            event = Annotation(onset, offset, row[label_column], columns=row, place=place)
        except LabelError as error:
            problems.keep(error)
        else:
            recordings.setdefault(row.get(FILE) or name_of, []).append(event)
    return recordings if rows else {name_of: []}


def _label_column(path: Path, rows: Sequence[tuple[str, dict[str, str]]], problems: Problems) -> str:
    """Return the first usual name that the header has; "" when it has none and problems are collected."""
    columns = {column.lower(): column for column in (rows[0][1] if rows else _LABEL_NAMES)}
    found = next((columns[name] for name in _LABEL_NAMES if name in columns), "")
    if not found:
        own = [column for column in columns.values() if column not in _RAVENS_OWN]
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
        return offset, offset + end - begin
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
