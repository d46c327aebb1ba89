"""The figures of docs/months-of-recordings.md are those of the last `make bench-batch`."""

from pathlib import Path

from stapes.benchmarks.batch import Cost, day_table, read_csv

ROOT = Path(__file__).resolve().parents[2]


def test_hours_a_day_follow_from_seconds_of_processor() -> None:
    table = day_table([Cost(engine, "run", 1, 2.0, 9.0, 7.2) for engine in ("c", "litert")])
    assert "| compiled C | 1,000 | 24,000 | 384,000 | 6,144,000 |" in table


def test_the_table_in_the_docs_is_the_last_measurement() -> None:
    assert day_table(read_csv()) in (ROOT / "docs" / "months-of-recordings.md").read_text()
