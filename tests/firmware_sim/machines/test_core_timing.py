"""Cycles of short sequences equal what the manuals of the cores and published measurements of them say, by hand."""

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

import pytest

from stapes.firmware_sim.machines.boards import BOARDS, FOLDER
from stapes.firmware_sim.machines.core_timing import CORE_TIMINGS, KINDS, CoreTiming
from stapes.firmware_sim.machines.cycle_count import NOTHING
from stapes.firmware_sim.machines.emulator import RunResult, run
from stapes.firmware_sim.machines.firmware import Firmware, build_firmware

# Each sequence has nops on both sides, whose cycles are subtracted; r0 and a0 hold the address of zeros.
_PROGRAM = """#include "stapes_board.h"

static uint32_t zeros[16];
{regions}

int main(void)
{{
{calls}
    return 0;
}}
"""
_AROUND = "nop\\n nop\\n {} nop\\n nop\\n"
_ARM = """register uint32_t *at __asm__("r0") = zeros;
        __asm__ volatile(".syntax unified\\n {}" : "+r"(at) : : "r1", "r2", "r3", "r4", "cc", "memory");"""
_RISCV = """register uint32_t *at __asm__("a0") = zeros;
        __asm__ volatile("{}" : "+r"(at) : : "t0", "t1", "t2", "memory");"""


def built(board: str, sequences: Mapping[str, str], folder: Path) -> Firmware:
    """Build a program with a region per sequence, and one that is empty."""
    form = _RISCV if board == "riscv32" else _ARM
    names = {"empty": "", **sequences}
    source = folder / "sequences.c"
    calls = []
    for name, code in names.items():
        sequence = form.format(_AROUND.format(code.replace("\n", "\\n ")))
        calls.append(f"    {{ STAPES_BEGIN({name}); {sequence} STAPES_END({name}); }}")
    text = _PROGRAM.format(regions="\n".join(f"STAPES_REGION({name})" for name in names), calls="\n".join(calls))
    source.write_text(text)
    return build_firmware(BOARDS[board], [source], folder / "sequences.elf")


def cycles(result: RunResult) -> dict[str, int]:
    """Return the cycles of each sequence without those of the nops around it."""
    (empty,) = result.counts["empty"]
    return {name: passes[0].cycles - empty.cycles for name, passes in result.counts.items() if name != "empty"}


LOOP = "movs r1, #10\n1: subs r1, r1, #1\nbne 1b\n"
COMMON = {
    "adds": "adds r1, r1, #1\n" * 8,
    "loads": "ldr r1, [r0]\nldr r2, [r0, #4]\nldr r3, [r0, #8]\nadds r4, r4, #1\n",
    "loop": LOOP,
}
WIDE = {
    "pair": "ldrd r1, r2, [r0]\n",
    "several": "ldm r0, {r1, r2, r3, r4}\n",
    "products": "mul r1, r2, r2\n" * 4,
    "accumulated": "mla r1, r2, r2, r3\nmla r4, r2, r2, r3\n",
    "long_product": "umull r1, r3, r2, r2\n",
}
EXPECTED = {
    # M0+ TRM, table 3-1: a load takes 2, a taken branch 2, one that is not taken 1.
    "cortex-m0-large": (COMMON, {"adds": 8, "loads": 7, "loop": 1 + 9 * 3 + 2}),
    # M3 TRM: loads follow each other by a cycle, LDM takes 1 + n, MLA 2, UMULL 3 to 5.
    "cortex-m3": (
        COMMON | WIDE,
        {
            "adds": 8,
            "loads": 5,
            "loop": 1 + 9 * 3 + 2,
            "pair": 3,
            "several": 5,
            "products": 4,
            "accumulated": 4,
            "long_product": 4,
        },
    ),
    # M4 TRM: the same, with products of one cycle.
    "cortex-m4": (
        COMMON | WIDE,
        {
            "adds": 8,
            "loads": 5,
            "loop": 1 + 9 * 3 + 2,
            "pair": 3,
            "several": 5,
            "products": 4,
            "accumulated": 2,
            "long_product": 1,
        },
    ),
    # A load of an M33 takes a cycle, and one more when the next instruction uses it (pipetest).
    "cortex-m33": (
        COMMON | {"used": "ldr r1, [r0]\nadds r2, r1, #1\n", "not_used": "ldr r1, [r0]\nadds r2, r3, #1\n"},
        {"adds": 8, "loads": 4, "used": 3, "not_used": 2},
    ),
    "riscv32": (
        {"adds": "addi t0, t0, 1\n" * 8, "loads": "lw t0, 0(a0)\nlw t1, 4(a0)\n"},
        {"adds": 8, "loads": 2},
    ),
}


@pytest.mark.parametrize("board", list(EXPECTED))
def test_sequences_take_the_cycles_that_a_person_counts(board: str, tmp_path: Path) -> None:
    sequences, expected = EXPECTED[board]
    firmware = built(board, {name: sequences[name] for name in sequences if name in expected}, tmp_path)
    assert cycles(run(firmware)) == expected


def test_a_cortex_m7_begins_two_independent_instructions_in_a_cycle_and_a_chain_one_by_one(tmp_path: Path) -> None:
    """Sixteen further instructions are compared, because the first may begin together with the nop before it."""
    chain, independent = "add r1, r1, r1\n", "adds r1, r1, #1\nadds r2, r2, #1\n"
    sequences = {
        "chain_16": chain * 16,
        "chain_32": chain * 32,
        "independent_16": independent * 8,
        "independent_32": independent * 16,
    }
    found = cycles(run(built("cortex-m7", sequences, tmp_path)))
    assert found["chain_32"] - found["chain_16"] == 16
    assert found["independent_32"] - found["independent_16"] == 8


def test_cycles_are_the_same_in_each_run_and_functions_add_up_to_all(tmp_path: Path) -> None:
    firmware = built("cortex-m7", {"loop": LOOP}, tmp_path)
    first, second = (run(firmware, profile=True) for _ in range(2))
    assert (first.total, first.counts) == (second.total, second.counts)
    assert sum(first.functions.values(), NOTHING) == first.total


def test_a_hazard3_foresees_the_backward_branch_that_it_took_last(tmp_path: Path) -> None:
    """Of ten branches it foresees neither the first, which is taken, nor the last, which is not; each costs a cycle. An
    ESP32-C3 takes two cycles more for each branch that is taken."""
    firmware = built("riscv32", {"loop": "li t0, 10\n1: addi t0, t0, -1\nbnez t0, 1b\n"}, tmp_path)
    # The calls around the sequence may return to an instruction that straddles two words; this is not asked here.
    hazard3 = replace(CORE_TIMINGS["hazard3"], straddling_target=0)
    assert cycles(run(firmware, timing=hazard3)) == {"loop": 1 + 10 * 2 + 2}
    assert cycles(run(firmware, timing=CORE_TIMINGS["esp32-c3"])) == {"loop": 1 + 10 * 2 + 9 * 2}


def test_the_table_and_the_plugin_name_the_same_kinds_of_instructions() -> None:
    """The plugin refuses a kind and a property that it does not know; one that it alone knows would be 0."""
    named_in = {
        name: set(re.findall(r"\bX\((\w+)\)", (FOLDER / name).read_text()))
        for name in ("instruction.h", "core_model.h")
    }
    assert named_in == {
        "instruction.h": set(KINDS),
        "core_model.h": {field.name for field in fields(CoreTiming)}
        - {"name", "core", "isa", "error_percent", "kinds"},
    }
    for timing in CORE_TIMINGS.values():
        assert set(timing.kinds) <= set(KINDS), timing.name
