"""The timing of each core: the one table from which cycles are computed, with the source of every figure.

A kind of instructions (boards/instruction.h says which belong to it) has two figures: the cycles for which it keeps
the next instruction from beginning, and the cycles until its result can be used. The other properties say what happens
between instructions; `CoreTiming` explains them. All figures are for memory without wait states.

Sources, by the names that the table uses:

- M0+ TRM: Arm, Cortex-M0+ Technical Reference Manual (DDI0484), table 3-1.
- M3 TRM, M4 TRM: Arm, Cortex-M3 (DDI0337) and Cortex-M4 (DDI0439) Technical Reference Manuals, tables of the
  instruction set and the section on load/store timings.
- FPU: the table of floating-point instructions of the M4 TRM. Results of arithmetic are ready a cycle later; VMOV, VABS
  and VNEG are none.
- DDI0553: the Armv8-M Architecture Reference Manual.
- rp2040js: U. Shaked's emulator of the RP2040, github.com/wokwi/rp2040js.
- pipetest: jnk0le, "pipeline cycle test": measurements with DWT.CYCCNT on STM32F103 (M3), STM32F407 (M4), STM32H743
  (M7) and RP2350 (M33), github.com/jnk0le/random.
- LLVM: the scheduling model of the core in the LLVM project, lib/Target/ARM/ARMScheduleM7.td.
- SLOTHY: the model of the Cortex-M55 by Arm's H. Becker and others, github.com/slothy-optimizer/slothy.
- Hazard3: L. Wren, Hazard3's documentation, instruction timings; the same table in RP2350's data sheet, 3.8.7.
- niccle: timonvo, measurements of loops on an ESP32-C3 and an ESP32-C6 with the core's performance counter,
  code in RAM, github.com/timonvo/niccle, esp/examples/cycle_counting.rs.
- LLTA: measurements of single instructions on an ESP32-C6, github.com/nilhoel1/LLTA-Bench.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

KINDS = (
    "alu", "alu_shifted", "flags_shifted", "bits", "insert", "multiply", "multiply_flags", "accumulate",
    "long_multiply", "long_accumulate", "divide", "load", "store", "store_indexed", "load_several", "store_several",
    "float_load", "float_store", "branch", "if_then", "nop", "system", "float_alu", "float_move", "float_accumulate",
    "float_divide", "vector_load", "vector_store", "vector_integer", "vector_shift", "vector_multiply", "vector_reduce",
)  # fmt: skip
SINGLE_ISSUE, SHORT_PAIRS, FULL_PAIRS = 1, 2, 3
NO_EARLY_STAGE, EARLY_ADDRESSES, EARLY_AND_LATE_ALU = 0, 1, 2
NO_PREDICTOR, TWO_BIT_PREDICTOR, LAST_BACKWARD_BRANCH = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class CoreTiming:
    """How an in-order core spends cycles."""

    name: str
    core: str  # for people
    isa: str = "arm"  # or "riscv": whose instructions the plugin decodes
    error_percent: int | None = None  # the largest error for a published network, rounded up; None: none was compared
    kinds: Mapping[str, tuple[int, int]]  # cycles to the next instruction, and to the use of the result; else (1, 1)
    taken: int  # cycles that a taken conditional branch adds to its own
    taken_always: int  # the same for an unconditional branch to a fixed address
    taken_call: int  # the same when it keeps its return address: BL, JAL
    taken_indirect: int  # the same, when the address comes from a register
    taken_from_memory: int  # the same, when the address is loaded
    straddling_target: int = 0  # cycles more when the target is a 32-bit instruction that lies in two words
    load_tail: int = 0  # stall behind a single load when the next instruction is no single load or store
    store_then_load: int = 0  # stall of a load behind a store
    narrow_load: int = 0  # cycles that bytes, half words and interleaved vectors are ready later than words
    words_per_cycle: int = 1  # that LDM, STM, PUSH and POP move
    issue_width: int = SINGLE_ISSUE  # SHORT_PAIRS: a 16-bit instruction with a nop, IT or branch; FULL_PAIRS: any two
    early_stage: int = NO_EARLY_STAGE  # who needs operands a cycle earlier: addresses, or what an early ALU does
    it_folds: int = 0  # 1: IT takes no cycle behind a 16-bit instruction
    predictor: int = NO_PREDICTOR
    miss: int = 0  # cycles of a mispredicted branch
    vector_beats: int = 0  # cycles for which a vector instruction keeps its unit

    def arguments(self) -> list[str]:
        """Return the arguments of the counting plugin."""
        for_people = ("name", "core", "error_percent")
        properties = [field.name for field in fields(self) if field.name not in (*for_people, "kinds")]
        costs = {kind: self.kinds.get(kind, (1, 1)) for kind in KINDS}
        return [
            *(f"{kind}={issue}:{latency}" for kind, (issue, latency) in costs.items()),
            *(f"{name}={getattr(self, name)}" for name in properties),
        ]


# A load has an address and a data phase; LDM takes 1 + n, LDRD 1 + 2; a store leaves through a buffer unless its
# address is a sum of two registers (M3 TRM, M4 TRM, load/store timings). The TRM's pipeline refill P of 1 to 3 cycles:
# 1 when the target is known early, one more when it comes from a register or from memory, one more for a 32-bit target
# in two words.
_ARMV7M_MEMORY = {
    "load": (1, 2),
    "store": (1, 1),
    "store_indexed": (2, 1),
    "load_several": (1, 2),
    "store_several": (1, 1),
    "system": (2, 1),  # barriers 1 + B, MRS and MSR 1 or 2
}

_CORTEX_M33 = {  # pipetest, but the division, which is the M4's
    "alu_shifted": (1, 2),
    "flags_shifted": (2, 2),
    "bits": (1, 2),  # BFI takes (1, 1)
    "multiply": (1, 2),
    "multiply_flags": (2, 2),
    "accumulate": (1, 2),
    "long_multiply": (1, 2),
    "long_accumulate": (1, 2),
    "divide": (7, 7),
    "load": (1, 2),
    "load_several": (0, 2),  # VLDR takes (1, 1)
    "store_several": (0, 1),
    "float_alu": (1, 2),
    "float_move": (1, 2),
    "float_accumulate": (1, 3),
    "float_divide": (14, 14),
}

CORE_TIMINGS = {
    timing.name: timing
    for timing in (
        CoreTiming(
            name="cortex-m0plus",
            core="Cortex-M0+",
            kinds={  # M0+ TRM; the single-cycle multiplier, which nearly all parts have
                "load": (2, 2),
                "store": (2, 1),
                "store_indexed": (2, 1),
                "load_several": (1, 1),
                "store_several": (1, 1),
                "system": (3, 1),
            },
            taken=1,
            taken_always=1,
            taken_call=2,  # BL takes 3, as the emulator rp2040js counts, too
            taken_indirect=1,
            taken_from_memory=2,  # POP with the program counter takes 3 + n: two more than without
        ),
        CoreTiming(
            name="cortex-m3",
            core="Cortex-M3",
            kinds=_ARMV7M_MEMORY
            | {  # M3 TRM: MLA 2; SMULL and UMULL 3 to 5, SMLAL and UMLAL 4 to 7, division 2 to 12: the middle
                "accumulate": (2, 2),
                "long_multiply": (4, 4),
                "long_accumulate": (5, 5),
                "divide": (7, 7),
            },
            taken=1,
            taken_always=1,
            taken_call=1,
            taken_indirect=2,
            taken_from_memory=2,
            straddling_target=1,
            load_tail=1,
            store_then_load=1,  # pipetest
            early_stage=EARLY_ADDRESSES,  # pipetest: base and offset must be available a cycle earlier
            it_folds=1,
        ),
        CoreTiming(
            name="cortex-m4",
            core="Cortex-M4",
            error_percent=8,  # docs/timing.md: four networks on an STM32L4R5, in two styles of code
            kinds=_ARMV7M_MEMORY
            | {  # M4 TRM: all products 1, division 2 to 12: the middle; FPU: results a cycle later, VMLA 3, VDIV 14,
                "divide": (7, 7),  # VLDR and VSTR 2, which the section on load/store timings does not pipeline
                "float_load": (2, 2),
                "float_store": (2, 1),
                "float_alu": (1, 2),
                "float_accumulate": (3, 3),
                "float_divide": (14, 14),
            },
            taken=1,
            taken_always=1,
            taken_call=1,
            taken_indirect=2,
            taken_from_memory=2,
            straddling_target=1,
            load_tail=1,
            store_then_load=1,  # pipetest
            early_stage=EARLY_ADDRESSES,  # pipetest
            it_folds=1,
        ),
        CoreTiming(
            name="cortex-m33",
            core="Cortex-M33",
            error_percent=11,  # docs/timing.md: four networks on an nRF5340
            kinds=_CORTEX_M33,
            taken=1,
            taken_always=1,
            taken_call=1,
            taken_indirect=1,
            taken_from_memory=3,  # pipetest: POP with the program counter is 1 to 2 slower than POP and BX
            straddling_target=1,  # its bus is 32 bits wide, so two fetches; not in pipetest
            issue_width=SHORT_PAIRS,
        ),
        CoreTiming(
            name="cortex-m7",
            core="Cortex-M7",
            kinds={  # pipetest and LLVM
                "multiply": (1, 2),
                "multiply_flags": (1, 2),
                "accumulate": (1, 2),
                "long_multiply": (1, 2),
                "long_accumulate": (1, 2),
                "divide": (7, 8),
                "load_several": (0, 1),
                "store_several": (0, 1),
                "float_load": (1, 2),
                "float_move": (1, 3),  # to a core register 1, which is not told apart
                "float_alu": (1, 3),
                "float_accumulate": (1, 5),
                "float_divide": (16, 16),
            },
            taken=0,
            taken_always=0,
            taken_call=0,
            taken_indirect=0,
            taken_from_memory=0,
            narrow_load=1,
            words_per_cycle=2,
            issue_width=FULL_PAIRS,
            early_stage=EARLY_AND_LATE_ALU,
            predictor=TWO_BIT_PREDICTOR,
            miss=7,  # pipetest: 8, or 6 when the flags are known 3 cycles earlier
        ),
        CoreTiming(
            name="cortex-m55",
            core="Cortex-M55",
            kinds=_CORTEX_M33  # whose successor it is
            | {
                "flags_shifted": (1, 2),  # as without flags: no source says that it takes longer
                "multiply_flags": (1, 2),  # as other products: the same
                "load": (1, 1),  # SLOTHY, and all below
                "bits": (1, 1),
                "vector_shift": (1, 2),
                "vector_multiply": (1, 2),
                "vector_reduce": (1, 3),
            },
            taken=2,
            taken_always=2,
            taken_call=2,
            taken_indirect=2,
            taken_from_memory=3,
            narrow_load=1,  # SLOTHY
            words_per_cycle=2,  # 64-bit path to its memory
            issue_width=SHORT_PAIRS,
            vector_beats=2,
        ),
        CoreTiming(
            name="hazard3",
            core="RISC-V Hazard3 (RV32IMAC, Zba, Zbb, Zbs)",
            isa="riscv",
            kinds={"load": (1, 2), "divide": (18, 18), "system": (3, 1)},  # Hazard3
            taken=1,
            taken_always=1,
            taken_call=1,
            taken_indirect=1,
            taken_from_memory=1,
            straddling_target=1,
            predictor=LAST_BACKWARD_BRANCH,
            miss=1,  # of every jump, too: only conditional branches are foreseen
        ),
        CoreTiming(
            name="esp32-c3",
            core="RISC-V of the ESP32-C3 (RV32IMC)",
            isa="riscv",
            kinds={
                "load": (1, 2),  # niccle: 2 when the next instruction uses the result
                "long_multiply": (2, 2),  # assumption: as on the ESP32-C6 (LLTA)
                "divide": (10, 10),  # assumption: as on the ESP32-C6 (LLTA)
                "system": (3, 1),  # assumption: as Hazard3; niccle: reads and writes of control registers take 1
            },
            taken=2,  # niccle: a conditional branch takes 3 when taken, else 1
            taken_always=1,  # niccle: J takes 2
            taken_call=1,  # assumption: as J, which is the same instruction without a return address
            taken_indirect=2,  # assumption: as a conditional branch
            taken_from_memory=2,  # no such instruction
        ),
    )
}
