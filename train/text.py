"""Aligned text tables, and numbers in them."""

import math
from collections.abc import Iterator, Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table: the first column aligned to the left, all others to the right."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for row in [header, *rows]:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        yield "  ".join(cells).rstrip()


def number(value: object, spec: str) -> str:
    """Return a number, or an estimate with its interval, in this format; a dash where it is not defined (nan)."""
    return "-" if isinstance(value, float) and math.isnan(value) else f"{value:{spec}}"
