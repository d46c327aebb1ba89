"""What a cache before the flash lacks follows from its size and the order of accesses; the referee is arithmetic."""

from dataclasses import replace
from pathlib import Path

import pytest

from stapes.firmware_sim.machines.boards import BOARDS
from stapes.firmware_sim.machines.emulator import RunResult, run
from stapes.firmware_sim.machines.firmware import Firmware, build_firmware
from stapes.firmware_sim.machines.flash_cache import FLASH_CACHES, Cache, FlashCache

WORD, LINE, TABLE = 8, 32, 4096
# Each loop reads one byte of every word of 8 bytes, in order.
PROGRAM = """
#include "stapes_board.h"
STAPES_REGION(whole)
STAPES_REGION(again)
STAPES_REGION(small)
STAPES_REGION(in_ram)
static const uint8_t constants[4096] __attribute__((aligned(32))) = {1};
static volatile uint8_t variables[4096];
static void read(const volatile uint8_t *from, int bytes, int passes)
{
    for (int pass = 0; pass < passes; pass++) {
        for (int i = 0; i < bytes; i += 8) {
            (void)from[i];
        }
    }
}
int main(void)
{
    STAPES_BEGIN(whole);
    read(constants, 4096, 1);
    STAPES_END(whole);
    STAPES_BEGIN(again);
    read(constants, 4096, 2);
    STAPES_END(again);
    STAPES_BEGIN(small);
    read(constants, 256, 5);
    STAPES_END(small);
    STAPES_BEGIN(in_ram);
    read(variables, 4096, 1);
    STAPES_END(in_ram);
    return 0;
}
"""
L4R5 = FLASH_CACHES["stm32l4r5"]


def built(board: str, folder: Path) -> Firmware:
    (folder / "reads.c").write_text(PROGRAM)
    return build_firmware(BOARDS[board], [folder / "reads.c"], folder / "reads.elf", flags=["-O1"])


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Firmware:
    return built("cortex-m4", tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def counted(firmware: Firmware) -> RunResult:
    return run(firmware, flash_cache=L4R5)


def constants_missed(result: RunResult, region: str) -> int:
    (misses,) = result.flash_misses[region]
    return misses.data


def test_every_word_of_a_table_larger_than_the_cache_is_read_in_each_pass(counted: RunResult) -> None:
    words = TABLE // WORD
    assert constants_missed(counted, "whole") == pytest.approx(words, abs=2)  # a literal of the code is a constant, too
    assert constants_missed(counted, "again") == pytest.approx(2 * words, abs=2)


def test_a_table_that_fits_the_cache_is_read_once(counted: RunResult) -> None:
    assert constants_missed(counted, "small") == pytest.approx(256 // WORD, abs=2)


def test_what_lies_in_ram_is_not_counted(counted: RunResult) -> None:
    assert constants_missed(counted, "in_ram") <= 2


def test_a_loop_that_fits_the_cache_is_fetched_once(counted: RunResult) -> None:
    for passes in counted.flash_misses.values():
        assert 0 < passes[0].code <= 20


def test_a_cache_changes_neither_instructions_nor_the_cycles_of_the_core(
    firmware: Firmware, counted: RunResult
) -> None:
    without = run(firmware)
    assert (counted.counts, counted.total) == (without.counts, without.total)
    assert without.flash_misses["again"] == []


def test_a_shared_cache_with_whole_lines_counts_lines(tmp_path: Path) -> None:
    firmware = built("cortex-m33", tmp_path)
    whole_lines = FlashCache(code=Cache(sets=128, ways=2, line_bytes=LINE, word_bytes=LINE), data=None, miss_cycles=1)
    lines = TABLE // LINE
    assert constants_missed(run(firmware, flash_cache=whole_lines), "whole") == pytest.approx(lines, abs=2)
    too_small = replace(whole_lines, code=Cache(sets=1, ways=2, line_bytes=LINE, word_bytes=LINE))
    assert constants_missed(run(firmware, flash_cache=too_small), "again") >= 2 * lines
