"""Tables of labels as text: columns between tabs, commas or semicolons, with names in the first line."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from stapes.runtime.labels.annotation import Problems
from stapes.runtime.labels.known_tables import advice_for

_QUOTED = re.compile(r'"((?:[^"]|"")*)"')


def read_table(
    path: Path,
    required: Sequence[str],
    problems: Problems | None = None,
    *,
    optional: Sequence[str] = (),
    delimiter: str = "",
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (file:line, {column: text}) of a table whose header has at least the required columns.

    Required and optional columns are found whatever their case and blanks, and are named as they are given here. The
    default delimiter is the first of tab, semicolon and comma that the header contains.
    """
    problems = problems or Problems()
    if lines := problems.lines(path):
        yield from table_rows(path, lines, required, problems, optional=optional, delimiter=delimiter)


def table_rows(
    path: Path,
    lines: Sequence[str],
    required: Sequence[str],
    problems: Problems,
    *,
    optional: Sequence[str] = (),
    delimiter: str = "",
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what `read_table` yields, of the lines of the table `path`. A place names the last line of its row."""
    delimiter = delimiter or delimiter_of(lines[0])
    try:
        rows = raw_rows(lines, delimiter)
        _, fields = next(rows, (1, []))
        header = named_columns(fields, [*required, *optional])
        if not _is_complete(f"{path}:1", header, required, problems, advice_for(lines, delimiter)):
            return
        for number, fields in rows:
            place = f"{path}:{number}"
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
        number, reason = error.args
        problems.add(
            f"{path}:{number}",
            f"{reason}; a quotation mark is not closed, or one within a cell is not doubled, or the file is cut off",
        )


def read_header(path: Path) -> list[str]:
    """Return the names of the columns as they stand in the file. Raises LabelError as `read_table` does."""
    lines = Problems().lines(path)
    _, fields = next(raw_rows(lines, delimiter_of(lines[0])), (1, []))
    return [name.strip() for name in fields]


def column_key(name: str) -> str:
    """Return what is compared when a column is looked for: neither case nor blanks count."""
    return "".join(name.split()).casefold()


def named_columns(cells: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the names in a header, with those in `known` spelled as there; one spelled exactly so is taken first."""
    header = [name.strip() for name in cells]
    spelled = {column_key(name): name for name in known if name not in header}
    return [spelled.get(column_key(name), name) for name in header]


def _is_complete(place: str, header: Sequence[str], required: Sequence[str], problems: Problems, advice: str) -> bool:
    """Return whether the header has the required columns, and none twice; what is wrong is a problem at `place`."""
    count = Counter(name for name in header if name)
    if twice := [name for name in count if count[name] > 1]:
        problems.add(place, f"the header has the column {twice[0]!r} {count[twice[0]]} times; remove or rename one")
        return False
    if missing := [name for name in required if name not in header]:
        problems.add(
            place,
            f"no column {', '.join(missing)} in the header ({', '.join(header) or 'empty'}); "
            + (advice or f"the first line must name {', '.join(required)}"),
        )
        return False
    return True


def raw_rows(lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the last line of each row, and its cells.

    Between tabs, quotation marks within a cell are text, as programs write them that know no quoting. Everywhere else,
    and where a quoted cell goes on behind a tab or on the next line, they are those of CSV. Raises csv.Error with the
    number of the line and the reason.
    """
    if is_plain(lines, delimiter):
        for number, line in enumerate(lines, start=1):
            if line:
                yield number, [_unquoted(cell) for cell in line.split("\t")]
        return
    reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter, strict=True)
    try:
        for fields in reader:
            yield reader.line_num, fields
    except csv.Error as error:
        raise csv.Error(reader.line_num, str(error)) from error


def is_plain(lines: Sequence[str], delimiter: str) -> bool:
    """Return whether a row of the table is a line that is cut at each delimiter, whatever quotation marks it has."""
    if delimiter != "\t":
        return False
    return not any(_goes_on(cell) for line in lines if '"' in line for cell in line.split("\t"))


def _goes_on(cell: str) -> bool:
    return cell.startswith('"') and cell.count('"') % 2 == 1


def _unquoted(cell: str) -> str:
    quoted = _QUOTED.fullmatch(cell)
    return quoted[1].replace('""', '"') if quoted else cell


def delimiter_of(header: str) -> str:
    """Return the mark between the columns of a table, given its first line."""
    return next((mark for mark in "\t;," if mark in header), "\t")
