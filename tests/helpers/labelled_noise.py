"""The noise in the recordings of the tests of train/label, and a reader of the tables that its commands write."""

from pathlib import Path

SOUNDS = [(1.0, 1.6, "hiss"), (2.5, 3.0, "rumble"), (4.0, 5.5, "hiss")]  # onset and offset in seconds, class


def tsv_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a tab-separated table, each as column name -> text."""
    header, *rows = [line.split("\t") for line in path.read_text().splitlines()]
    return [dict(zip(header, row, strict=True)) for row in rows]
