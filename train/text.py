"""Aligned text tables, numbers in them, and lists of names in messages."""

import math
from collections.abc import Iterator, Sequence

from stapes.runtime.console import harmless

NAMED = 3  # of many recordings, how many a message names


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table: the first column aligned to the left, all others to the right.

    A heading may have several lines. Control characters in cells are escaped: names of files and classes stay text.
    """
    rows = [list(map(harmless, row)) for row in rows]
    n_lines = max(1 + each.count("\n") for each in header)
    headings = [[""] * (n_lines - 1 - each.count("\n")) + each.split("\n") for each in header]
    lines = [*zip(*headings, strict=True), *rows]
    widths = [max(len(row[column]) for row in lines) for column in range(len(header))]
    for row in lines:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        yield "  ".join(cells).rstrip()


def narrow_tables(header: Sequence[str], rows: Sequence[Sequence[str]], columns: int) -> Iterator[str]:
    """Yield the lines of one table, or of several with the same first column where one would be wider than `columns`.

    columns: in characters. A table has at least one column beside the first.
    """
    rows = [list(map(harmless, row)) for row in rows]
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    parts: list[list[int]] = [[]]
    for column, width in enumerate(widths[1:], start=1):
        if parts[-1] and widths[0] + sum(2 + widths[each] for each in parts[-1]) + 2 + width > columns:
            parts.append([])
        parts[-1].append(column)
    for index, part in enumerate(parts):
        if index:
            yield ""
        shown = [[row[each] for each in (0, *part)] for row in (header, *rows)]
        yield from table(shown[0], shown[1:])


def number(value: object, spec: str) -> str:
    """Return a number, or an estimate with its interval, in this format; a dash where it is not defined (nan)."""
    return "-" if isinstance(value, float) and math.isnan(value) else f"{value:{spec}}"


def first_names(names: Sequence[str]) -> str:
    """Return for example `a.wav, b.wav, c.wav and 4 more`."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
