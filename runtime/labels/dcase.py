"""Tables of events over many recordings, as the DCASE challenges use them: filename, onset, offset, event_label.

Columns are separated by tabs, commas or semicolons; further columns are kept. A row with a file name and no times means
that the recording was listened to and has no event.
"""

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from stapes.firmware_sim.errors import LabelError, StapesError
from stapes.runtime.labels.annotation import Annotation, Problems, parse_number, parse_times, plain
from stapes.runtime.labels.table import read_header, read_table

COLUMNS = ("filename", "onset", "offset", "event_label")
OPTIONAL = ("group", "source", "confidence")
_NOTHING = {"", "nan", "na", "none"}


def read_dcase(
    path: Path, collected: list[StapesError] | None = None, names: Mapping[str, str] | None = None
) -> dict[str, list[Annotation]]:
    """Return file name -> annotations, in the order of the file; [] for a name without times.

    `names` gives the names of the columns filename, onset, offset and event_label in this table. The `columns` of an
    annotation hold the row's other columns. Raises LabelError for a bad row or a header without the four columns, or
    puts it into `collected` and skips the row.
    """
    problems = Problems(collected)
    recordings: dict[str, list[Annotation]] = {}
    column_of = {name: (names or {}).get(name, name) for name in COLUMNS}
    for place, row in read_table(path, list(column_of.values()), problems, optional=OPTIONAL):
        try:
            event = event_of(row | {name: row[column] for name, column in column_of.items()}, place)
        except LabelError as error:
            problems.keep(error)
            if name := row[column_of["filename"]]:
                recordings.setdefault(name, [])
            continue
        events = recordings.setdefault(row[column_of["filename"]], [])
        if event is not None:
            events.append(event)
    return recordings


def event_of(row: Mapping[str, str], place: str) -> Annotation | None:
    """Return the event of a row; None for a row with a file name and no times. Raises LabelError for a bad row."""
    if not row["filename"]:
        raise LabelError(f"{place}: the row names no file; fill in the filename or delete the row")
    if all(row[column].lower() in _NOTHING for column in COLUMNS[1:]):
        return None
    onset, offset = parse_times(row["onset"], row["offset"], place)
    confidence = parse_number(row["confidence"], "confidence", place) if row.get("confidence") else None
    columns = {name: value for name, value in row.items() if name not in COLUMNS}
    return Annotation(onset, offset, row["event_label"], confidence, columns, place)


def write_dcase(recordings: Mapping[str, Sequence[Annotation]]) -> str:
    """Return the text of a table with its header; a recording without events has a row without times."""
    return _write(recordings, "\t")


def write_csv(recordings: Mapping[str, Sequence[Annotation]]) -> str:
    """Return the same table as `write_dcase`, with commas between columns."""
    return _write(recordings, ",")


def write_grouped(recordings: Mapping[str, Sequence[Annotation]], groups: Mapping[str, str]) -> str:
    """Return the same table as `write_dcase`, with the column `group` of every recording."""
    return _write(recordings, "\t", groups)


def replace_rows(path: Path, recordings: Mapping[str, Sequence[Annotation]]) -> str:
    """Return the text of a table in which the rows of these recordings are replaced and all other rows are kept.

    A recording is found by its name, or by its base name when the table uses that. In new rows, all
    further columns but `group` are empty.
    """
    old = list(read_table(path, COLUMNS, optional=OPTIONAL))
    header = read_header(path)
    known = {row["filename"] for _, row in old}
    new = {name if name in known else _base(name, known): events for name, events in recordings.items()}
    groups = {row["filename"]: row["group"] for _, row in old if row.get("group")}
    text = io.StringIO()
    table = csv.DictWriter(text, header, delimiter="\t", lineterminator="\n", restval="")
    table.writeheader()
    table.writerows(row for _, row in old if row["filename"] not in new)
    for name, events in new.items():
        fixed = {"filename": plain(name)} | ({"group": groups[name]} if name in groups else {})
        for each in events:
            times = {"onset": f"{each.onset:.6f}", "offset": f"{each.offset:.6f}"}
            table.writerow(fixed | times | {"event_label": plain(each.label)})
        if not events:
            table.writerow(fixed)
    return text.getvalue()


def _base(name: str, known: Collection[str]) -> str:
    base = name.rsplit("/", 1)[-1]
    return base if base in known else name


def _write(
    recordings: Mapping[str, Sequence[Annotation]], delimiter: str, groups: Mapping[str, str] | None = None
) -> str:
    text = io.StringIO()
    table = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    table.writerow([*COLUMNS, *(["group"] if groups else [])])
    for name, annotations in recordings.items():
        group = [plain(groups[name])] if groups else []
        for each in annotations:
            table.writerow([plain(name), f"{each.onset:.6f}", f"{each.offset:.6f}", plain(each.label), *group])
        if not annotations:
            table.writerow([plain(name), "", "", "", *group])
    return text.getvalue()
