"""What benchmarks measured, kept in results/*.csv: a row per case, read again for the README and the docs."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def results_path(name: str) -> Path:
    """Return where the rows of the benchmark `name` are kept."""
    return RESULTS / f"{name}.csv"


def write_rows(name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Replace the rows of the benchmark `name`; every row must have the columns of the first."""
    with results_path(name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_rows(name: str) -> list[dict[str, str]]:
    """Return the rows that the benchmark `name` kept, each value as text. Raises OSError if it was never run."""
    with results_path(name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
