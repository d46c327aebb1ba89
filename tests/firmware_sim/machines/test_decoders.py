"""What the counting plugin reads from the bytes of instructions; the referees are GNU's assembler and disassembler."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from stapes.firmware_sim.device.folder import read_folder
from stapes.firmware_sim.machines.boards import ARM, BOARDS, FOLDER, Architecture
from stapes.firmware_sim.machines.simulation import build_detector
from stapes.firmware_sim.machines.tools import call, find_tool

DECODED = Path(__file__).parent / "boards" / "decoded.c"


@dataclass(frozen=True)
class Shown:
    """An instruction as GNU's disassembler shows it."""

    address: int
    data: bytes
    mnemonic: str
    operands: str

    @property
    def target(self) -> int:
        """Return where a direct branch goes."""
        (address,) = re.findall(r"\b([0-9a-f]+) <", self.operands)
        return int(address, 16)


@dataclass(frozen=True)
class Decoded:
    """What the decoders say of an instruction."""

    kind: str
    branch: str
    backward: bool
    length: int  # in bytes


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("decoder") / "decoded"
    sources = [DECODED, FOLDER / "decode_arm.c", FOLDER / "decode_riscv.c"]
    call([find_tool("cc"), "-std=c99", f"-I{FOLDER}", *map(str, sources), "-o", str(program)], "compiling decoded.c")
    return program


def disassembled(program: Path, architecture: Architecture) -> list[Shown]:
    """Return all instructions of a program, without data that the disassembler knows to be such."""
    objdump = find_tool(architecture.tool_prefix + "gcc").removesuffix("gcc") + "objdump"
    listing = call([objdump, "-d", str(program)], "objdump")
    found = []
    for address, code, mnemonic, operands in re.findall(
        r"^\s*([0-9a-f]+):\t((?:[0-9a-f]{4,8} ?)+)\s*\t(\S+)[^\S\n]*(.*)$", listing, re.M
    ):
        if not mnemonic.startswith(".") and mnemonic != "unimp":
            data = b"".join(bytes.fromhex(word)[::-1] for word in code.split())
            found.append(Shown(int(address, 16), data, mnemonic, operands))
    return found


def decoded(decoder: Path, architecture: Architecture, instructions: Sequence[Shown]) -> list[Decoded]:
    """Return what the decoders say of each instruction."""
    name = "arm" if architecture is ARM else "riscv"
    lines = "".join(f"{name} {len(one.data)} {one.data.hex(' ')}\n" for one in instructions)
    done = subprocess.run([decoder], input=lines, capture_output=True, text=True, check=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert len(rows) == len(instructions)
    return [Decoded(kind, branch, backward == "1", int(length)) for kind, branch, backward, length in rows]


CONDITION = "(?:eq|ne|cs|cc|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)"


def arm_branch(one: Shown) -> str:
    """Return the kind of branch that a mnemonic of Arm stands for."""
    name = re.sub(r"\.[nw]$", "", one.mnemonic)
    first = one.operands.partition(",")[0].strip()
    rules = {
        "direct": name in ("b", "bl"),
        "conditional": re.fullmatch(rf"b{CONDITION}|cbn?z|wls(tp\.\d+)?", name) is not None,
        "indirect": re.fullmatch(rf"bl?x{CONDITION}?", name) is not None
        or (re.fullmatch(rf"(mov|add){CONDITION}?", name) is not None and first == "pc"),
        "loop": name in ("le", "letp"),
        "from_memory": re.fullmatch("tb[bh]", name) is not None
        or (re.match("pop|ldm", name) is not None and re.search(r"\bpc}", one.operands) is not None)
        or (re.match("ldr", name) is not None and first == "pc"),
    }
    return next((kind for kind, applies in rules.items() if applies), "none")


def riscv_branch(one: Shown) -> str:
    """Return the kind of branch that a mnemonic of RISC-V stands for."""
    name = one.mnemonic.removeprefix("c.")
    if name in ("j", "jal"):
        return "direct"
    if name in ("jr", "jalr", "ret"):
        return "indirect"
    return "conditional" if re.fullmatch("b(eq|ne|lt|ge|gt|le)u?z?", name) else "none"


@pytest.mark.parametrize("board", ["cortex-m0-large", "cortex-m4", "cortex-m55", "riscv32"])
def test_every_branch_of_a_detector_is_known_as_the_disassembler_shows_it(
    board: str, tiny_detector: Path, decoder: Path, tmp_path: Path
) -> None:
    firmware = build_detector(read_folder(tiny_detector), BOARDS[board], tmp_path, flags=["-Os"]).firmware
    assert firmware is not None
    architecture = BOARDS[board].architecture
    instructions = disassembled(firmware.elf, architecture)
    shown_branch = arm_branch if architecture is ARM else riscv_branch
    seen: dict[str, int] = {}
    for shown, known in zip(instructions, decoded(decoder, architecture, instructions), strict=True):
        branch = shown_branch(shown)
        seen[branch] = seen.get(branch, 0) + 1
        assert known.branch == branch, shown
        assert known.length == len(shown.data), shown
        # The offset of Arm counts from 4 bytes behind the branch: what goes no farther has no direction.
        if (branch == "conditional" or shown.mnemonic in ("b.n", "b.w", "j")) and abs(shown.target - shown.address) > 4:
            assert known.backward == (shown.target < shown.address), shown
    assert len(instructions) > 2000
    assert min(seen[branch] for branch in ("none", "direct", "conditional", "indirect")) > 10


# What boards/instruction.h says of each kind, as assembly.
ARM_KINDS = {
    "alu": "adds r1, r2, r3; add.w r1, r2, r3; mov r1, r2; movw r1, #1000; movt r1, #1000; cmp r1, r2; lsls r1, r2, #3;"
    "lsr.w r1, r2, r3; lsr.w r1, r2, #3; ands r1, r2; mvns r1, r2; sub sp, #8; adr r1, .; subw r1, r2, #1000",
    "alu_shifted": "add.w r1, r2, r3, lsl #2; eor r1, r2, #0x1fc0; cmp.w r1, r2, lsr #3; sub.w r1, r2, r3, asr #1;"
    "adds.w r1, r2, r3, lsl #2",
    "flags_shifted": "ands r1, r2, #0x1fc0; cmp.w r1, #0x1fc0; tst r1, #0x1fc0",
    "bits": "uxtb r1, r2; sxth.w r1, r2; sxtab16 r1, r2, r3; rev r1, r2; rbit r1, r2; clz r1, r2; ubfx r1, r2, #3, #4;"
    "ssat r1, #8, r2; usat16 r1, #8, r2; pkhbt r1, r2, r3; uadd8 r1, r2, r3; qadd r1, r2, r3",
    "insert": "bfi r1, r2, #3, #4; bfc r1, #3, #4",
    "multiply": "mul r1, r2, r3; smulbb r1, r2, r3; smuad r1, r2, r3; smulwb r1, r2, r3",
    "multiply_flags": "muls r1, r2, r1",
    "accumulate": "mla r1, r2, r3, r4; mls r1, r2, r3, r4; smlad r1, r2, r3, r4; smlabb r1, r2, r3, r4;"
    "smmla r1, r2, r3, r4",
    "long_multiply": "umull r1, r2, r3, r4; smull r1, r2, r3, r4",
    "long_accumulate": "umlal r1, r2, r3, r4; smlal r1, r2, r3, r4; smlald r1, r2, r3, r4; umaal r1, r2, r3, r4",
    "divide": "sdiv r1, r2, r3; udiv r1, r2, r3",
    "load": "ldr r1, [r2]; ldrb r1, [r2, #1]; ldrsh r1, [r2, r3]; ldr.w r1, [r2, r3, lsl #2]; ldr r1, [sp, #4];"
    "ldr r1, [r2], #4; ldrsb.w r1, [r2, #-1]; ldrex r1, [r2]; ldr.w r1, [pc, #8]; tbb [r1, r2]; ldr pc, [r1]",
    "store": "str r1, [r2, #4]; strb.w r1, [r2, #100]; str r1, [sp, #4]; strh r1, [r2], #2; strex r1, r2, [r3]",
    "store_indexed": "str r1, [r2, r3]; strh.w r1, [r2, r3, lsl #1]; strb r1, [r2, r3]",
    "load_several": "pop {r1, r2}; ldm r1, {r2, r3}; ldrd r1, r2, [r3]; vldm r1, {s0-s3}; vpop {d8}; vldr d0, [r1];"
    "pop {r4, pc}; ldmdb r1!, {r2, r3}",
    "store_several": "push {r1, lr}; stm r1!, {r2, r3}; strd r1, r2, [r3]; vstm r1, {s0-s3}; vpush {d8}; vstr d0, [r1]",
    "float_load": "vldr s0, [r1]; vldr s1, [r1, #4]",
    "float_store": "vstr s0, [r1]; vstr s31, [sp, #4]",
    "branch": "b .; beq .; b.w .; bne.w .; bl .; bx lr; blx r1; cbz r1, .+4; wls lr, r1, .+8; dls lr, r1; le lr, .-4",
    "if_then": ".inst.n 0xbf08",  # it eq, without the instruction that it must be followed by
    "nop": "nop; nop.w; pld [r1]",
    "system": "dmb; dsb; isb; mrs r1, primask; msr primask, r1; cpsid i; svc #0; bkpt #0",
    "float_alu": "vadd.f32 s0, s1, s2; vsub.f32 s0, s1, s2; vmul.f32 s0, s1, s2; vcmp.f32 s0, s1; vcvt.f32.s32 s0, s1",
    "float_move": "vmov s0, s1; vmov r1, s0; vmov s0, r1; vabs.f32 s0, s1; vneg.f32 s0, s1; vmov.f32 s0, #1.0;"
    "vmrs APSR_nzcv, fpscr; vmov r1, r2, s0, s1; vmov q0[2], q0[0], r1, r2",
    "float_accumulate": "vmla.f32 s0, s1, s2; vmls.f32 s0, s1, s2; vfma.f32 s0, s1, s2; vfms.f32 s0, s1, s2;"
    "vnmla.f32 s0, s1, s2",
    "float_divide": "vdiv.f32 s0, s1, s2; vsqrt.f32 s0, s1",
    "vector_load": "vldrw.u32 q0, [r1]; vldrb.s16 q0, [r1, #8]; vldrb.u8 q0, [r1], #16; vldrw.u32 q0, [r1, q1];"
    "vld20.8 {q0, q1}, [r1]",
    "vector_store": "vstrw.u32 q0, [r1]; vstrb.8 q0, [r1], #16; vstrb.16 q0, [r1]; vstrw.32 q0, [r1, q1]",
    "vector_integer": "vadd.i32 q0, q1, q2; vsub.i16 q0, q1, q2; vadd.i32 q0, q1, r1; vand q0, q1, q2; vmov q0, q1;"
    "vshl.s32 q0, q1, q2; vshl.s32 q0, r1; vshl.i32 q0, q1, #3; vshr.s32 q0, q1, #3; vmax.s8 q0, q1, q2;"
    "vmov.i32 q0, #0; vmov.i32 q0, #0x500; vdup.32 q0, r1; vhadd.s32 q0, q1, q2; vrev32.8 q0, q1; vaddv.s8 r2, q1;"
    "vaddva.s32 r2, q1; vshlc q0, r1, #3; vidup.u32 q0, r2, #1; vminv.s8 r2, q1; vclz.i32 q0, q1",
    "vector_shift": "vrshr.s32 q0, q1, #3; vsli.32 q0, q1, #3; vshllb.s8 q0, q1, #3; vshllb.s8 q0, q1, #8;"
    "vmovlb.s8 q0, q1; vmovlt.u16 q0, q1; vrshl.s32 q0, q1, q2; vrshl.s32 q0, r1; vshrnb.i16 q0, q1, #3;"
    "vqrshrnb.s32 q0, q1, #3; vmovnb.i16 q0, q1; vqmovnb.s32 q0, q1",
    "vector_multiply": "vmul.i32 q0, q1, q2; vmul.i8 q0, q1, r1; vmla.s32 q0, q1, r1; vqrdmulh.s32 q0, q1, q2;"
    "vqrdmulh.s32 q0, q1, r1; vmullb.s8 q0, q1, q2; vmulh.s32 q0, q1, q2",
    "vector_reduce": "vmladava.s8 r2, q0, q1; vmladav.s16 r2, q0, q1; vmlaldava.s16 r2, r3, q0, q1",
}
RISCV_KINDS = {
    "alu": "add t0, t1, t2; addi t0, t1, 1000; lui t0, 5; auipc t0, 5; c.mv t0, t1; c.li t0, 3; slli t0, t1, 3;"
    "not t0, t1; sltu t0, t1, t2; c.addi16sp sp, 32; c.addi4spn a0, sp, 16; c.and a0, a1; c.slli t0, 3;"
    "sub t0, t1, t2; c.nop; andn t0, t1, t2",
    "multiply": "mul t0, t1, t2",
    "long_multiply": "mulh t0, t1, t2; mulhu t0, t1, t2; mulhsu t0, t1, t2",
    "divide": "div t0, t1, t2; divu t0, t1, t2; rem t0, t1, t2; remu t0, t1, t2",
    "bits": "sh1add t0, t1, t2; min t0, t1, t2; rol t0, t1, t2; bext t0, t1, t2",
    "load": "lw t0, 4(a0); lbu t0, 1(a0); lh t0, 0(a0); c.lw a0, 4(a1); c.lwsp t0, 8(sp); lr.w t0, (a0)",
    "store": "sw t0, 4(a0); sb t0, 1(a0); c.sw a0, 4(a1); c.swsp t0, 8(sp)",
    "branch": "j .; jal .; jr t0; jalr t0; ret; beq t0, t1, .; c.beqz a0, .; bltu t0, t1, .; jalr t0, 4(t1)",
    "system": "ecall; csrr t0, mstatus; csrw mstatus, t0; ebreak; c.ebreak; mret; wfi; fence",
}


@pytest.mark.parametrize("name", ["arm", "riscv"])
def test_common_instructions_are_of_the_kind_that_prices_them(name: str, decoder: Path, tmp_path: Path) -> None:
    kinds, board, march = {
        "arm": (ARM_KINDS, BOARDS["cortex-m55"], ["-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard"]),
        "riscv": (RISCV_KINDS, BOARDS["riscv32"], ["-march=rv32imac_zicsr_zba_zbb_zbs", "-mabi=ilp32"]),
    }[name]
    code = [(kind, line.strip()) for kind, lines in kinds.items() for line in lines.split(";") if line.strip()]
    source = tmp_path / "kinds.s"
    head = ".syntax unified\n.thumb\n" if name == "arm" else ".option norelax\n"
    source.write_text(head + "".join(f"{line}\n" for _, line in code))
    assembled = tmp_path / "kinds.o"
    compiler = find_tool(board.architecture.tool_prefix + "gcc")
    call([compiler, *march, "-c", str(source), "-o", str(assembled)], "assembling kinds.s")
    instructions = disassembled(assembled, board.architecture)
    assert len(instructions) == len(code)
    known = decoded(decoder, board.architecture, instructions)
    wrong = {line: (one.kind, kind) for (kind, line), one in zip(code, known, strict=True) if one.kind != kind}
    assert wrong == {}
