"""The figures of docs/months-of-recordings.md are those of the last `make bench-batch`."""

from pathlib import Path

from benchmarks.batch import Cost, day_table, hours_table, read_csv

ROOT = Path(__file__).resolve().parents[2]


def test_hours_a_day_follow_from_seconds_of_processor() -> None:
    table = day_table([Cost(engine, "run", 1, 2.0, 9.0, 7.2) for engine in ("c", "litert")])
    assert "| compiled C | 1,000 | 24,000 | 384,000 | 6,144,000 |" in table


def test_the_tables_in_the_docs_are_the_last_measurement() -> None:
    page = (ROOT / "docs" / "months-of-recordings.md").read_text()
    assert day_table(read_csv()) in page
    assert hours_table(read_csv()) in page


def test_cost_grows_linearly_with_the_hours() -> None:
    for engine in ("c", "litert"):
        single = [cost for cost in read_csv() if cost.engine == engine and cost.processes == 1]
        assert single[-1].processor_s < 1.25 * single[-1].hours / single[0].hours * single[0].processor_s
