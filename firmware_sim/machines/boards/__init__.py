"""The boards that stapes can emulate, and in this folder their start-up code, linker script and UART.

To add a board, add it to BOARDS: commands, tests and benchmarks take their boards from there. A UART of a new kind
needs a function in stapes_board.c, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stapes.firmware_sim.errors import ConfigError

FOLDER = Path(__file__).parent
_ARM_FLAGS, _FPU = ("-mthumb",), ("-mfloat-abi=hard",)


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What boards with one instruction set share."""

    emulator: str  # name of the QEMU program
    emulator_options: tuple[str, ...] = ()
    tool_prefix: str  # what the names of the cross compiler's programs begin with
    start_up: tuple[str, ...]  # C files in this folder


ARM = Architecture(emulator="qemu-system-arm", tool_prefix="arm-none-eabi-", start_up=("stapes_board_arm.c",))
RISCV = Architecture(
    emulator="qemu-system-riscv32",
    emulator_options=("-bios", "none"),
    tool_prefix="riscv64-unknown-elf-",
    start_up=("stapes_board_riscv.c",),
)
XTENSA = Architecture(
    emulator="qemu-system-xtensa",
    emulator_options=("-cpu", "lx106"),
    tool_prefix="xtensa-lx106-elf-",
    start_up=("stapes_board_xtensa.c", "xtensa_arithmetic.c"),
)


@dataclass(frozen=True, kw_only=True)
class Board:
    """One machine of QEMU: its core, where its memories lie and how large they are, its UART and its timer."""

    name: str
    core: str  # for people
    architecture: Architecture = ARM
    machine: str  # QEMU's name
    cpu_flags: tuple[str, ...]  # of the cross compiler
    target: str  # what `stapes compile --target` packs weights for
    timing: str | None  # the core of core_timing.py whose cycles are computed; None: no such table exists
    flash_origin: int
    flash_bytes: int
    ram_origin: int
    ram_bytes: int
    uart: str  # CMSDK, NRF51, 16550 or SIMCALL
    uart_address: int
    timer_hz: int  # of board_timer_start, in the emulator's time
    stand_in: str | None = None  # name of the larger board that runs this one's code when it does not fit here


def _mps2(name: str, core: str, machine: str, target: str, *cpu_flags: str, timing: str | None = None) -> Board:
    return Board(
        name=name,
        core=core,
        machine=machine,
        cpu_flags=(*_ARM_FLAGS, *cpu_flags),
        target=target,
        timing=timing or name,
        flash_origin=0,
        flash_bytes=4 << 20,
        ram_origin=0x20000000,
        ram_bytes=4 << 20,
        uart="CMSDK",
        uart_address=0x40004000,
        timer_hz=25_000_000,
    )


BOARDS = {
    board.name: board
    for board in (
        Board(
            name="cortex-m0",
            core="Cortex-M0",
            machine="microbit",
            cpu_flags=(*_ARM_FLAGS, "-mcpu=cortex-m0"),
            target="portable",
            timing="cortex-m0plus",
            flash_origin=0,
            flash_bytes=256 << 10,
            ram_origin=0x20000000,
            ram_bytes=16 << 10,
            uart="NRF51",
            uart_address=0x40002000,
            timer_hz=16_000_000,
            stand_in="cortex-m0-large",
        ),
        _mps2(
            *("cortex-m0-large", "Cortex-M0 code on a Cortex-M3", "mps2-an385", "portable", "-mcpu=cortex-m0"),
            timing="cortex-m0plus",
        ),
        _mps2("cortex-m3", "Cortex-M3", "mps2-an385", "portable", "-mcpu=cortex-m3"),
        _mps2("cortex-m4", "Cortex-M4", "mps2-an386", "cortex-m", "-mcpu=cortex-m4", *_FPU, "-mfpu=fpv4-sp-d16"),
        _mps2("cortex-m7", "Cortex-M7", "mps2-an500", "cortex-m", "-mcpu=cortex-m7", *_FPU, "-mfpu=fpv5-d16"),
        Board(
            name="cortex-m33",
            core="Cortex-M33",
            machine="mps2-an505",
            cpu_flags=(*_ARM_FLAGS, "-mcpu=cortex-m33", *_FPU, "-mfpu=fpv5-sp-d16"),
            target="cortex-m",
            timing="cortex-m33",
            flash_origin=0x10000000,
            flash_bytes=4 << 20,
            ram_origin=0x38000000,
            ram_bytes=2 << 20,
            uart="CMSDK",
            uart_address=0x50200000,
            timer_hz=20_000_000,
        ),
        Board(
            name="cortex-m55",
            core="Cortex-M55",
            machine="mps3-an547",
            cpu_flags=(*_ARM_FLAGS, "-mcpu=cortex-m55", *_FPU),
            target="helium",
            timing="cortex-m55",
            flash_origin=0x10000000,
            flash_bytes=512 << 10,
            ram_origin=0x30000000,
            ram_bytes=512 << 10,
            uart="CMSDK",
            uart_address=0x59303000,
            timer_hz=32_000_000,
        ),
        Board(
            name="riscv32",
            core="RISC-V RV32IMAC",
            architecture=RISCV,
            machine="virt",
            cpu_flags=("-march=rv32imac", "-mabi=ilp32", "-mcmodel=medany"),
            target="portable",
            timing="esp32-c3",
            flash_origin=0x80000000,
            flash_bytes=(4 << 20) - (64 << 10),  # the page that guards the stack lies between the two
            ram_origin=0x80400000,
            ram_bytes=4 << 20,
            uart="16550",
            uart_address=0x10000000,
            timer_hz=10_000_000,
        ),
        Board(
            name="xtensa-lx106",
            core="Xtensa LX106 (ESP8266, not ESP32-S3)",  # an S3 has an LX7: windows of registers, vectors
            architecture=XTENSA,
            machine="sim",
            cpu_flags=("-mtext-section-literals",),
            target="portable",
            timing=None,
            flash_origin=0x50000000,
            flash_bytes=4 << 20,
            ram_origin=0x60000000,  # with no memory below it
            ram_bytes=4 << 20,
            uart="SIMCALL",
            uart_address=0,
            timer_hz=10_000_000,
        ),
    )
}


def board_named(name: str) -> Board:
    """Return a board by its name, with or without "cortex-". Raises ConfigError with the names that there are."""
    for wanted in (name, f"cortex-{name}"):
        if wanted in BOARDS:
            return BOARDS[wanted]
    raise ConfigError(f"no board is named {name!r}; choose {', '.join(BOARDS)} or all")


def boards_named(names: Sequence[str]) -> list[Board]:
    """Return boards by name, each once; `all` stands for one of each core. Raises ConfigError as `board_named` does."""
    boards: list[Board] = []
    for name in names:
        boards += [board_named(name)] if name != "all" else one_board_of_each_core()
    return list(dict.fromkeys(boards))


def one_board_of_each_core() -> list[Board]:
    """Return all boards but those that stand in for a smaller one."""
    stand_ins = {board.stand_in for board in BOARDS.values()}
    return [board for board in BOARDS.values() if board.name not in stand_ins]
