"""Cycles of short sequences equal what the manuals of the cores and published measurements of them say, by hand."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pytest

from stapes.firmware_sim.errors import ToolchainError
from stapes.firmware_sim.machines import core_timing
from stapes.firmware_sim.machines.boards import BOARDS, FOLDER
from stapes.firmware_sim.machines.core_timing import CORE_TIMINGS, KINDS, CoreTiming
from stapes.firmware_sim.machines.cycle_count import NOTHING
from stapes.firmware_sim.machines.emulator import RunResult, run
from stapes.firmware_sim.machines.firmware import Firmware, build_firmware

_PROGRAM = """#include "stapes_board.h"

static uint32_t zeros[16];
{regions}
{functions}

int main(void)
{{
{calls}
    return 0;
}}
"""
# Each sequence begins at a multiple of 4, with nops on both sides whose cycles are subtracted: 32-bit ones, because a
# Cortex-M33 or M55 pairs none of them with a neighbour. r0 and a0 hold the address of zeros.
_FUNCTION = """
__attribute__((naked, noinline)) static void run_{name}(uint32_t *at)
{{
    (void)at;
    __asm__ volatile("{code}");
}}"""
_ARM = """.syntax unified
.balign 256
push {{r4, lr}}
nop
bl stapes_begin_{name}
{nops}
{code}
{nops}
bl stapes_end_{name}
pop {{r4, pc}}"""
_RISCV = """.option norelax
.balign 256
addi sp, sp, -16
sw ra, 0(sp)
jal stapes_begin_{name}
nop
nop
{code}
nop
nop
jal stapes_end_{name}
lw ra, 0(sp)
addi sp, sp, 16
ret"""


@dataclass(frozen=True)
class Sequence:
    """Assembly whose cycles a person has counted."""

    code: str
    cycles: int
    because: str


def built(board: str, sequences: Mapping[str, str], folder: Path) -> Firmware:
    """Build a program with a region per sequence, and one that is empty."""
    form = _RISCV if board == "riscv32" else _ARM
    nops = "nop\nnop" if board.startswith("cortex-m0") else "nop.w"
    names = {"empty": "", **sequences}
    functions = []
    for name, code in names.items():
        text = form.format(name=name, code=code.strip(), nops=nops).replace("\n", "\\n ")
        functions.append(_FUNCTION.format(name=name, code=text))
    source = folder / "sequences.c"
    source.write_text(
        _PROGRAM.format(
            regions="\n".join(f"STAPES_REGION({name})" for name in names),
            functions="\n".join(functions),
            calls="\n".join(f"    run_{name}(zeros);" for name in names),
        )
    )
    return build_firmware(BOARDS[board], [source], folder / "sequences.elf")


def cycles(result: RunResult) -> dict[str, int]:
    """Return the cycles of each sequence without those of the nops around it."""
    (empty,) = result.counts["empty"]
    return {name: passes[0].cycles - empty.cycles for name, passes in result.counts.items() if name != "empty"}


LOOP = "movs r1, #10\n1: subs r1, r1, #1\nbne 1b\n"
JUMP = "b 1f\nnop\n1: nop\n"  # to a multiple of 4
NOT_TAKEN = "cmp r0, #0\nbeq 1f\nnop\n1: nop\n"
CALL = "bl 1f\nb 2f\n1: bx lr\n2: nop\n"
RETURN = "adr r1, 1f\nadds r1, r1, #1\npush {r1}\npop {pc}\nnop\n.balign 4\n1: nop\n"
LOADS = "ldr r1, [r0]\nldr r2, [r0, #4]\nldr r3, [r0, #8]\nadds r4, r4, #1\n"
USED = "ldr r1, [r0]\nadds r2, r1, #1\n"
NOT_USED = "ldr r1, [r0]\nadds r2, r3, #1\n"
ADDS = "adds r1, r1, #1\n"

M0PLUS = {  # table 3-1 of the M0+ TRM
    "adds": Sequence(ADDS * 8, 8, "1 each"),
    "loads": Sequence(LOADS, 3 * 2 + 1, "2 each, and a sum"),
    "used": Sequence(USED, 3, "a load takes 2, whoever uses it"),
    "stores": Sequence("str r1, [r0]\nstr r1, [r0, #4]\n", 4, "2 each"),
    "stack": Sequence("push {r1, r2, r3}\npop {r1, r2, r3}\n", 8, "1 + 3 each"),
    "products": Sequence("muls r1, r2, r1\n" * 4, 4, "the multiplier of one cycle"),
    "loop": Sequence(LOOP, 1 + 9 * (1 + 2) + (1 + 1), "a taken branch 2, one that is not taken 1"),
    "not_taken": Sequence(NOT_TAKEN, 4, "1 each"),
    "jump": Sequence(JUMP, 2 + 1, "B takes 2"),
    "call": Sequence(CALL, 3 + 2 + 2 + 1, "BL takes 3, BX and B take 2"),
    "return": Sequence(RETURN, 1 + 1 + 2 + (3 + 1) + 1, "POP with the program counter takes 3 + n"),
}
ARMV7M = {  # M3 TRM and M4 TRM: what both cores share
    "adds": Sequence(ADDS * 8, 8, "1 each"),
    "loads": Sequence(LOADS, 3 + 1 + 1, "loads follow each other by a cycle, the last one takes 2"),
    "base": Sequence("mov r1, r0\nldr r2, [r1]\nadds r3, r3, #1\n", 1 + 1 + 2 + 1, "a base is needed a cycle earlier"),
    "store_load": Sequence("str r1, [r0]\nldr r2, [r0]\nadds r3, r3, #1\n", 1 + 1 + 2 + 1, "a load waits for a store"),
    "indexed": Sequence("movs r2, #0\nnop\nstr r1, [r0, r2]\nadds r3, r3, #1\n", 1 + 1 + 2 + 1, "STR [a, b] takes 2"),
    "pair": Sequence("ldrd r1, r2, [r0]\n", 1 + 2, "1 + n"),
    "several": Sequence("ldm r0, {r1, r2, r3, r4}\n", 1 + 4, "1 + n"),
    "stored": Sequence("stm r0, {r1, r2}\n", 1 + 2, "1 + n"),
    "products": Sequence("mul r1, r2, r2\n" * 4, 4, "1 each"),
    "quotient": Sequence("sdiv r1, r2, r3\n", 7, "2 to 12: the middle"),
    "folded": Sequence("cmp r0, #0\nit ne\nmovne r1, #1\n", 2, "IT takes no cycle behind a 16-bit instruction"),
    "it": Sequence("cmp.w r0, #0\nit ne\nmovne r1, #1\n", 3, "IT takes a cycle behind a 32-bit instruction"),
    "predicated": Sequence("cmp r0, #0\nite eq\nmoveq r1, #1\nmovne r1, #2\n", 3, "what does not apply takes 1, too"),
    "loop": Sequence(LOOP, 1 + 9 * 3 + 2, "1 + P for a taken branch with P = 1, 1 for one that is not taken"),
    "not_taken": Sequence(NOT_TAKEN, 4, "1 each"),
    "compare_branch": Sequence("cbz r0, 1f\nnop\n1: nop\n", 3, "1 each"),
    "jump": Sequence(JUMP, 2 + 1, "1 + P"),
    "aligned": Sequence("b 1f\nnop\n1: add.w r1, r1, #1\n", 2 + 1, "a 32-bit target in one word: P = 1"),
    "straddling": Sequence("b 1f\nnop\nnop\n1: add.w r1, r1, #1\n", 3 + 1, "a 32-bit target in two words: P = 2"),
    "call": Sequence(CALL, 2 + 3 + 2 + 1, "BL 1 + P with P = 1, BX 1 + P with P = 2, B 1 + P with P = 1"),
    "return": Sequence(RETURN, 1 + 1 + 2 + (1 + 1 + 2) + 1, "POP with the program counter takes 1 + n + P with P = 2"),
}
M3 = ARMV7M | {
    "accumulated": Sequence("mla r1, r2, r2, r3\n" * 2, 4, "2 each"),
    "long_product": Sequence("umull r1, r3, r2, r2\n", 4, "3 to 5: the middle"),
    "long_sum": Sequence("smlal r1, r3, r2, r2\n", 5, "4 to 7: the middle, rounded down"),
}
M4 = ARMV7M | {
    "accumulated": Sequence("mla r1, r2, r2, r1\n" * 4, 4, "1 each, in a chain"),
    "two_products": Sequence("smlad r1, r2, r2, r1\n" * 4, 4, "1 each, in a chain"),
    "long_product": Sequence("umull r1, r3, r2, r2\n", 1, "1"),
    "long_sum": Sequence("smlal r1, r3, r2, r2\n" * 2, 2, "1 each"),
    "float_loads": Sequence("vldr s0, [r0]\nvldr s1, [r0, #4]\n", 4, "2 each"),
    "float_sums": Sequence("vadd.f32 s0, s8, s9\nvadd.f32 s1, s8, s9\n", 2, "1 each"),
    "float_chain": Sequence("vadd.f32 s0, s0, s9\nvadd.f32 s0, s0, s9\n", 3, "a result is ready a cycle later"),
    "float_product_sum": Sequence("vmla.f32 s0, s8, s9\n", 3, "3"),
    "float_quotient": Sequence("vdiv.f32 s0, s8, s9\n", 14, "14"),
}
V8M = {  # pipetest of the M33, which the table takes for most of the M55's scalar side, too
    "adds": Sequence(ADDS * 8, 8, "two sums never begin together"),
    "pairs": Sequence("adds r1, r1, #1\nnop\n" * 4, 4, "a 16-bit nop begins together with a 16-bit sum"),
    "loads": Sequence(LOADS, 4, "1 each"),
    "not_used": Sequence(NOT_USED, 2, "1 each"),
    "load_store": Sequence("ldr r1, [r0]\nstr r1, [r0, #4]\n", 2, "what was loaded can be stored after 1"),
    "load_accumulate": Sequence("ldr r1, [r0]\nmla r3, r2, r2, r1\n", 2, "what was loaded can be added last after 1"),
    "product_used": Sequence("mul r1, r2, r2\nadds r3, r1, #1\n", 3, "a product can be used after 2"),
    "products": Sequence("mul r1, r2, r2\n" * 4, 4, "1 each when nobody waits"),
    "accumulated": Sequence("mla r1, r2, r2, r1\n" * 4, 4, "a chain of sums of products, 1 each"),
    "shifted": Sequence("add.w r1, r2, r3, lsl #2\nadds r4, r1, #1\n", 3, "a shifted operand: can be used after 2"),
    "quotient": Sequence("sdiv r1, r2, r3\n", 7, "as the M4"),
    "it": Sequence("adds r1, r1, #1\nit ne\nmovne r2, #1\n", 2, "IT begins together with a 16-bit instruction"),
}
M33 = V8M | {
    "used": Sequence(USED, 3, "the result of a load can be used after 2"),
    "byte_used": Sequence(USED.replace("ldr", "ldrb"), 3, "the result of a load can be used after 2"),
    "packed": Sequence("pkhbt r1, r2, r3\nadds r4, r1, #1\n", 3, "a DSP instruction: can be used after 2"),
    "inserted": Sequence("bfi r1, r2, #3, #4\nadds r4, r1, #1\n", 2, "BFI is as quick as a sum"),
    "float_used": Sequence("vldr s0, [r0]\nvadd.f32 s1, s0, s8\n", 2, "what VLDR loads can be used after 1"),
    "product_flags": Sequence("muls r1, r2, r1\n" * 4, 8, "the 16-bit MULS takes 2"),
    "constant": Sequence("and r1, r2, #0x1fc0\n" * 4, 4, "a shifted constant: 1 each when nobody waits"),
    "constant_flags": Sequence("ands r1, r2, #0x1fc0\n" * 4, 8, "2 each when they set flags"),
    "pair": Sequence("ldrd r1, r2, [r0]\n", 2, "a cycle per register"),
    "several": Sequence("ldm r0, {r1, r2, r3, r4}\n", 4, "a cycle per register"),
    "loop": Sequence(LOOP, 1 + 9 * 3 + 1, "SUBS 1, BNE 2 when taken, 0 when not"),
    "loop_of_three": Sequence(LOOP.replace("bne", "mov r2, r3\nbne"), 1 + 9 * 3 + 2, "BNE 1 when flags are older"),
}
M55 = V8M | {  # SLOTHY
    "used": Sequence(USED, 2, "a word that is loaded can be used after 1"),
    "byte_used": Sequence(USED.replace("ldr", "ldrb"), 3, "a byte that is loaded can be used after 2"),
    "packed": Sequence("pkhbt r1, r2, r3\nadds r4, r1, #1\n", 2, "can be used after 1"),
    "pair": Sequence("ldrd r1, r2, [r0]\n", 1, "a path of 64 bits"),
    "several": Sequence("ldm r0, {r1, r2, r3, r4}\n", 2, "a path of 64 bits"),
    "vector_pair": Sequence(
        "vldrw.u32 q0, [r0]\nvmul.i32 q1, q0, q0\n", 2, "the second begins when the first has a half"
    ),
    "overlap": Sequence("vldrw.u32 q0, [r0]\nvmul.i32 q1, q2, q2\n" * 4, 8, "two units take turns, 1 each"),
    "one_unit": Sequence("vmul.i32 q1, q2, q2\n" * 4, 3 * 2 + 1, "a unit is busy for 2"),
    "sums": Sequence("vadd.i32 q1, q2, q2\n" * 4, 3 * 2 + 1, "a unit is busy for 2"),
    # SLOTHY's example simple1_loop for the M55 shows these four in the cycles 0, 1, 3 and 4.
    "slothy": Sequence("vldrw.u32 q0, [r0]\n" + "vmla.s32 q0, q1, r3\n" * 2 + "vstrw.u32 q0, [r0]\n", 5, "SLOTHY"),
    "reduced": Sequence("vmladava.s8 r2, q0, q1\nmov r3, r2\n", 3 + 1, "a sum of products can be used after 3"),
    "summed": Sequence("vaddva.s32 r2, q1\nmov r3, r2\n", 1 + 1, "a sum of a vector can be used after 1"),
    "shifted_plain": Sequence("vshr.s32 q0, q1, #3\nvmul.i32 q2, q0, q0\n", 2, "a plain shift can be used after 1"),
    "shifted_rounded": Sequence("vrshr.s32 q0, q1, #3\nvmul.i32 q2, q0, q0\n", 3, "a rounded one after 2"),
    "widened": Sequence("vmovlb.s8 q0, q1\nvmul.i16 q2, q0, q0\n", 3, "a widened vector can be used after 2"),
    "interleaved": Sequence("vld20.8 {q0, q1}, [r0]\nvmul.i8 q2, q0, q0\n", 3, "VLD20 can be used after 2"),
    "low_overhead": Sequence(
        "movs r1, #10\ndls lr, r1\n1: adds r2, r2, #1\nle lr, 1b\n",
        2 + 10 * 1 + 3 + 8 * 0 + 1,
        "LE 1 + 2 when it goes back first; then the core goes back without it, DDI0553; 1 when the loop ends",
    ),
    "vector_loop": Sequence(
        "movs r1, #10\ndls lr, r1\n1: vldrw.u32 q0, [r0]\nvadd.i32 q1, q2, q2\nvstrw.32 q3, [r0]\nle lr, 1b\n",
        2 + (3 + 3) + 3 + 8 * 4 + 1,
        "from the third turn on, the load waits for a cycle, because the store of the turn before keeps its unit for 2",
    ),
    "entered": Sequence(
        "movs r1, #10\ndls lr, r1\nb 2f\n1: adds r2, r2, #1\n2: mov r3, r2\nle lr, 1b\n",
        2 + 3 + 9 + 10 * 1 + 3 + 8 * 0 + 1,
        "the same, when the loop is entered in its middle",
    ),
}
C3 = {  # niccle's measurements of an ESP32-C3; products and quotients: LLTA's of an ESP32-C6
    "adds": Sequence("addi t0, t0, 1\n" * 8, 8, "1 each"),
    "loads": Sequence("lw t0, 0(a0)\nlw t1, 4(a0)\n", 2, "1 each"),
    "used": Sequence("lw t0, 0(a0)\naddi t1, t0, 1\n", 3, "a load takes 2 when the next instruction uses it"),
    "stores": Sequence("sw t0, 0(a0)\nsw t0, 4(a0)\n", 2, "1 each"),
    "loop": Sequence("li t0, 10\n1: addi t0, t0, -1\nbnez t0, 1b\n", 1 + 9 * 4 + 2, "a taken branch 3, else 1"),
    "not_taken": Sequence("bnez zero, 1f\nnop\n1: nop\n", 3, "1 each"),
    "jump": Sequence("j 1f\nnop\n1: nop\n", 2 + 1, "J takes 2"),
    "products": Sequence("mul t0, t0, t2\n" * 4, 4, "1 each, in a chain"),
    "high_products": Sequence("mulh t0, t0, t2\n" * 2, 4, "2 each"),
    "quotient": Sequence("div t0, t1, t2\n", 10, "10"),
}
SEQUENCES = {
    "cortex-m0-large": M0PLUS,
    "cortex-m3": M3,
    "cortex-m4": M4,
    "cortex-m33": M33,
    "cortex-m55": M55,
    "riscv32": C3,
}


@pytest.mark.parametrize("board", list(SEQUENCES))
def test_sequences_take_the_cycles_that_a_person_counts(board: str, tmp_path: Path) -> None:
    sequences = SEQUENCES[board]
    found = cycles(run(built(board, {name: one.code for name, one in sequences.items()}, tmp_path)))
    assert found.keys() == sequences.keys()
    wrong = {name: (found[name], one) for name, one in sequences.items() if found[name] != one.cycles}
    assert wrong == {}


M7 = {  # cycles of 16 more instructions: the first may begin together with the nop before it
    "chain": Sequence("adds r1, r1, #1\n", 16, "each needs the one before it"),
    "independent": Sequence("adds r1, r1, #1\nadds r2, r2, #1\n", 8, "two begin in a cycle"),
    "products": Sequence("mul r1, r1, r1\n", 2 * 16, "a product can be used after 2"),
    "accumulated": Sequence("mla r1, r2, r2, r1\n", 16, "a chain of sums of products, 1 each"),
    "stores": Sequence("str r1, [r0]\n", 16, "two stores never begin together"),
    "load_and_store": Sequence("ldr r1, [r0]\nstr r2, [r0, #4]\n", 8, "a load and a store begin together"),
    "several": Sequence("ldm r0, {r1, r2, r3, r4}\n", 2 * 16, "half a cycle per register, with no other instruction"),
}


def test_a_cortex_m7_begins_two_instructions_in_a_cycle_where_its_units_and_operands_allow(tmp_path: Path) -> None:
    sequences = {}
    for name, one in M7.items():
        times = 16 // one.code.count("\n")
        sequences |= {f"{name}_16": one.code * times, f"{name}_32": one.code * 2 * times}
    found = cycles(run(built("cortex-m7", sequences, tmp_path)))
    more = {name: found[f"{name}_32"] - found[f"{name}_16"] for name in M7}
    assert more == {name: one.cycles for name, one in M7.items()}


def test_a_cortex_m7_takes_a_cycle_for_each_turn_of_a_loop_that_it_foresees(tmp_path: Path) -> None:
    loops = {f"turns_{turns}": LOOP.replace("#10", f"#{turns}") for turns in (10, 30)}
    found = cycles(run(built("cortex-m7", loops, tmp_path)))
    assert found["turns_30"] - found["turns_10"] == 20


@pytest.mark.parametrize("board", ["cortex-m3", "cortex-m4", "cortex-m33", "cortex-m7", "cortex-m55"])
def test_cycles_do_not_depend_on_the_page_of_1_kib_in_which_the_emulator_translates_them(
    board: str, tmp_path: Path
) -> None:
    """A load lies 16, 4 and 2 bytes before the end of a page, which parts the last one from the use of its result."""
    used = "ldrb r1, [r0]\nadds r2, r1, #1\nmov r3, r0\nldr r4, [r3]\nadds r2, r4, #1\n"
    sequences = {f"before_{end}": f"b.w 1f\n.balign 1024\n.skip {1024 - end}\n1: {used}" for end in (16, 4, 2)}
    found = cycles(run(built(board, sequences, tmp_path)))
    assert len(set(found.values())) == 1, found


@pytest.mark.parametrize(
    ("board", "code"),
    [
        ("cortex-m4", "nop.w\nnop\nnop.w\nnop\nnop.w\n"),
        ("riscv32", "c.nop\naddi t0, t0, 2000\nc.nop\naddi t0, t0, 2000\nc.nop\nc.nop\n"),
    ],
)
def test_sixteen_bytes_of_short_and_long_instructions_are_fetched_in_four_words(
    board: str, code: str, tmp_path: Path
) -> None:
    firmware = built(board, {"mixed": f"first:\n{code}behind:\n"}, tmp_path)
    address = {symbol.name: symbol.address for symbol in firmware.symbols}
    assert address["behind"] - address["first"] == 16
    result = run(firmware, regions={"words": (address["first"], address["behind"])})
    assert [one.fetches for one in result.counts["words"]] == [4]


@pytest.mark.parametrize("board", ["cortex-m4", "cortex-m7", "cortex-m55", "riscv32"])
def test_counts_are_the_same_in_each_run_and_functions_add_up_to_all(board: str, tmp_path: Path) -> None:
    code = {"loop": C3["loop"].code, "used": C3["used"].code} if board == "riscv32" else {"loop": LOOP, "used": USED}
    firmware = built(board, code, tmp_path)
    first, second = (run(firmware, profile=True) for _ in range(2))
    assert (first.total, first.counts, first.functions) == (second.total, second.counts, second.functions)
    assert sum(first.functions.values(), NOTHING) == first.total


def test_a_hazard3_foresees_the_backward_branch_that_it_took_last(tmp_path: Path) -> None:
    """Of ten branches it foresees neither the first, which is taken, nor the last, which is not; each costs a cycle. A
    jump always costs one, and a loop that is closed by a jump is not foreseen."""
    jumps = "li t0, 10\n1: addi t0, t0, -1\nbeqz t0, 2f\nj 1b\n2: nop\n"
    firmware = built("riscv32", {"loop": C3["loop"].code, "jumps": jumps}, tmp_path)
    found = cycles(run(firmware, timing=CORE_TIMINGS["hazard3"]))
    assert found == {"loop": 1 + 10 * 2 + 2, "jumps": 1 + 10 * 2 + 1 + 9 * 2 + 1}


def test_a_cortex_m7_remembers_a_branch_wherever_the_code_before_it_was_entered(tmp_path: Path) -> None:
    """BEQ is never taken and is foreseen from its second time on, although the code jumps to label 2 before its fourth
    time. Missed are its first time, both times that the first BNE is not taken, and that of the last BNE."""
    code = """movs r2, #2
movs r1, #3
1: subs r1, r1, #1
2: cmp r1, #9
beq 3f
cmp r1, #0
bne 1b
3: subs r2, r2, #1
bne 2b
"""
    firmware = built("cortex-m7", {"branches": code}, tmp_path)
    core = CORE_TIMINGS["cortex-m7"]
    dear, free = (cycles(run(firmware, timing=replace(core, miss=miss)))["branches"] for miss in (100, 0))
    assert dear - free == 4 * 100


def listed(text: str, macro: str) -> list[str]:
    """Return the names that an X macro of a C header lists."""
    (body,) = re.findall(rf"#define {macro}\(X\)((?:[^\n]*\\\n)*[^\n]*)\n", text)
    return re.findall(r"\bX\((\w+)\)", body)


def test_the_table_and_the_plugin_name_the_same_kinds_of_instructions() -> None:
    kinds = listed((FOLDER / "instruction.h").read_text(), "INSTRUCTION_KINDS")
    assert len(kinds) > 20
    assert sorted(KINDS) == sorted(kinds)
    for timing in CORE_TIMINGS.values():
        assert set(timing.kinds) <= set(KINDS), timing.name


def test_the_table_and_the_plugin_name_the_same_properties_of_a_core_and_their_values() -> None:
    header = (FOLDER / "core_model.h").read_text()
    not_passed = ("name", "core", "isa", "error_percent", "kinds")
    passed = [one.name for one in fields(CoreTiming) if one.name not in not_passed]
    assert sorted(passed) == sorted(listed(header, "CORE_PROPERTIES"))
    values = [(name, value) for name, value in re.findall(r"\b([A-Z_]{8,}) = (\d+)", header) if name != "REGISTERS"]
    assert len(values) == 9
    assert {name: getattr(core_timing, name) for name, _ in values} == {name: int(value) for name, value in values}


@dataclass(frozen=True, kw_only=True)
class CoreWithOneMore(CoreTiming):
    """A core with a property that the plugin does not know."""

    colour: int = 1


def test_a_property_that_the_plugin_does_not_know_is_refused(tmp_path: Path) -> None:
    known = CORE_TIMINGS["cortex-m4"]
    more = CoreWithOneMore(**{one.name: getattr(known, one.name) for one in fields(known)})
    firmware = built("cortex-m4", {"adds": ADDS}, tmp_path)
    with pytest.raises(ToolchainError, match="colour=1 is unknown"):
        run(firmware, timing=more)
