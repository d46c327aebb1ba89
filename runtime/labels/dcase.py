"""Tables of events over many recordings, as the DCASE challenges use them: filename, onset, offset, event_label.

Columns are separated by tabs, commas or semicolons; further columns are kept. A row with a file name and no times means
that the recording was listened to and has no event.
"""

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from stapes.firmware_sim.errors import LabelError, StapesError
from stapes.runtime.labels.annotation import Annotation, Problems, parse_number, parse_times, plain, read_lines

COLUMNS = ("filename", "onset", "offset", "event_label")
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
    for place, row in read_table(path, list(column_of.values()), problems):
        try:
            _add(recordings, row | {name: row[column] for name, column in column_of.items()}, place)
        except LabelError as error:
            problems.keep(error)
    return recordings


def read_table(
    path: Path, required: Sequence[str], problems: Problems | None = None, delimiter: str = ""
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (file:line, {column: text}) of a table whose header has at least the required columns.

    The default delimiter is the first of tab, semicolon and comma that the header contains.
    """
    problems = problems or Problems()
    lines = problems.lines(path)
    if not lines:
        return
    delimiter = delimiter or _delimiter(lines[0])
    reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader)]
        if missing := [name for name in required if name not in header]:
            problems.add(
                f"{path}:1",
                f"no column {', '.join(missing)} in the header ({', '.join(header) or 'empty'}); "
                f"the first line must name {', '.join(required)}",
            )
            return
        for fields in reader:
            place = f"{path}:{reader.line_num}"
            if any(field.strip() for field in fields[len(header) :]):
                problems.add(
                    place,
                    f"the row has {len(fields)} columns, the header {len(header)}; put text with the delimiter in it "
                    "in quotation marks (decimal commas need tabs or semicolons between columns)",
                )
            elif any(field.strip() for field in fields):
                padded = [*fields, *[""] * (len(header) - len(fields))]
                yield place, dict(zip(header, (each.strip() for each in padded), strict=False))
    except csv.Error as error:
        problems.add(f"{path}:{reader.line_num}", f"{error}; a quotation mark is not closed, or the file is cut off")


def _add(recordings: dict[str, list[Annotation]], row: dict[str, str], place: str) -> None:
    name = row["filename"]
    if not name:
        raise LabelError(f"{place}: the row names no file; fill in the filename or delete the row")
    events = recordings.setdefault(name, [])
    if all(row[column].lower() in _NOTHING for column in COLUMNS[1:]):
        return
    onset, offset = parse_times(row["onset"], row["offset"], place)
    confidence = parse_number(row["confidence"], "confidence", place) if row.get("confidence") else None
    columns = {name: value for name, value in row.items() if name not in COLUMNS}
    events.append(Annotation(onset, offset, row["event_label"], confidence, columns, place))


def write_dcase(recordings: Mapping[str, Sequence[Annotation]]) -> str:
    """Return the text of a table with its header; a recording without events has a row without times."""
    return _write(recordings, "\t")


def write_csv(recordings: Mapping[str, Sequence[Annotation]]) -> str:
    """Return the same table as `write_dcase`, with commas between columns."""
    return _write(recordings, ",")


def replace_rows(path: Path, recordings: Mapping[str, Sequence[Annotation]]) -> str:
    """Return the text of a table in which the rows of these recordings are replaced and all other rows are kept.

    A recording is found by its name, or by its base name when the table uses that. In new rows, all
    further columns but `group` are empty.
    """
    old = list(read_table(path, COLUMNS))
    header = next(csv.reader(read_lines(path)[:1], delimiter=_delimiter(read_lines(path)[0])))
    known = {row["filename"] for _, row in old}
    new = {name if name in known else _base(name, known): events for name, events in recordings.items()}
    groups = {row["filename"]: row["group"] for _, row in old if row.get("group")}
    text = io.StringIO()
    table = csv.DictWriter(text, [name.strip() for name in header], delimiter="\t", lineterminator="\n", restval="")
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


def _delimiter(header: str) -> str:
    return next((mark for mark in "\t;," if mark in header), "\t")


def _write(recordings: Mapping[str, Sequence[Annotation]], delimiter: str) -> str:
    text = io.StringIO()
    table = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    table.writerow(COLUMNS)
    for name, annotations in recordings.items():
        for each in annotations:
            table.writerow([plain(name), f"{each.onset:.6f}", f"{each.offset:.6f}", plain(each.label)])
        if not annotations:
            table.writerow([plain(name), "", "", ""])
    return text.getvalue()
