"""docs/timing.md shows the errors that follow from results/timing_published.csv, and they are as small as it says."""

import math
import statistics
from pathlib import Path

import pytest

from benchmarks.rows import read_rows
from benchmarks.timing import MARKS, CoreMark, Published, coremark, published, with_tables
from stapes.firmware_sim.machines.core_timing import CORE_TIMINGS
from stapes.firmware_sim.machines.flash_cache import FLASH_CACHES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "timing.md").read_text(encoding="utf-8")
KNOWN = Published(
    program="p", code="c", core="Cortex-M4", board="b", mhz=120.0, per_second=10.0, instructions=9_000_000,
    core_cycles=10_000_000, missed_code=100_000, missed_data=200_000, miss_cycles=6, chosen_by=False,
)  # fmt: skip


def test_the_tables_of_the_page_are_those_of_the_results() -> None:
    assert with_tables(PAGE) == PAGE, "run `make bench-timing`"


def test_a_page_that_has_no_place_for_a_table_or_two_is_refused() -> None:
    for page in (PAGE.replace("<!-- /marks -->", ""), PAGE + "<!-- marks -->\n<!-- /marks -->\n"):
        with pytest.raises(ValueError, match="<!-- /marks --> once each"):
            with_tables(page)


def test_cycles_are_the_clock_by_the_published_speed_and_waits_come_on_top_of_the_core() -> None:
    assert KNOWN.cycles == 12e6
    assert KNOWN.predicted == 10_000_000 + 6 * 300_000
    assert abs(KNOWN.error_percent - 100 * (11.8 / 12 - 1)) < 1e-9


def test_predictions_on_cortex_m4_and_m33_have_the_errors_that_were_promised() -> None:
    errors = [abs(row.error_percent) for row in published() if row.core in ("Cortex-M4", "Cortex-M33")]
    assert len(errors) >= 10
    assert statistics.median(errors) <= 10
    assert max(errors) <= 25


def test_a_core_states_the_largest_error_of_its_networks_and_one_without_networks_none() -> None:
    for timing in CORE_TIMINGS.values():
        rows = [row for row in published() if row.core == timing.core]
        largest = max((abs(row.error_percent) for row in rows), default=None)
        assert timing.error_percent == (None if largest is None else math.ceil(largest)), timing.name


def test_rows_have_plausible_counts_and_the_cost_of_a_miss_that_their_part_has() -> None:
    for row in [*published(), *coremark()]:
        assert 0.8 * row.instructions < row.core_cycles < 2 * row.instructions, row
    for row in published():
        if row.board.lower() in FLASH_CACHES:
            assert row.miss_cycles == FLASH_CACHES[row.board.lower()].miss_cycles, row


def test_every_mark_was_measured() -> None:
    assert [(row["work"], int(row["mark"])) for row in read_rows("timing")] == [(m.work, m.mark) for m in MARKS]


def test_an_error_of_a_coremark_score_is_that_of_its_cycles() -> None:
    """At 100 MHz 200 iterations a second take 500,000 cycles each, 10 % less than the predicted ones."""
    row = CoreMark(
        core="c", board="b", mhz=100.0, per_second=200.0, published_with="p", predicted_with="q", arm_per_mhz=None,
        instructions=500_000, core_cycles=550_000,
    )  # fmt: skip
    assert row.published_per_mhz == 2
    assert abs(row.error_percent - 10) < 1e-9


def test_every_core_has_a_published_coremark_score() -> None:
    names = {timing.core.partition(" (")[0] for timing in CORE_TIMINGS.values()}
    assert {row.core for row in coremark()} == names


def test_coremark_scores_whose_compiler_is_named_are_met_as_closely_as_the_page_says() -> None:
    errors = {(row.core, row.published_with): abs(row.error_percent) for row in coremark()}
    errors.pop(("Cortex-M3", "not named"))
    assert errors.pop(("Cortex-M55", "GCC 10.3 -Os")) < 12
    assert max(errors.values()) < 7
