"""Build C for an emulated board and measure the flash and RAM of the result by section, by file and by symbol."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stapes.firmware_sim.errors import ConfigError, ToolchainError
from stapes.firmware_sim.machines.boards import FOLDER, Board
from stapes.firmware_sim.machines.tools import call, check, find_tool

_GUARD_BYTES = 64 << 10  # kept free below the stack on boards that have memory there, so that an overflow is seen


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much memory the linker may use; None stands for all that the board has. Both stacks are part of the RAM."""

    flash_bytes: int | None = None
    ram_bytes: int | None = None
    stack_bytes: int = 2560
    handler_stack_bytes: int = 512


ALL_MEMORY = Limits()


class FirmwareTooLargeError(ToolchainError):
    """The flash or the RAM of a board is too small for a program."""


@dataclass(frozen=True)
class Symbol:
    """A function or an object in the firmware."""

    name: str
    section: str  # text, rodata, data, bss; board_text and board_bss hold what only the emulation needs
    address: int
    bytes: int


@dataclass(frozen=True)
class Firmware:
    """A program for one board. Its start-up code, UART and semihosting are counted in `overhead` only."""

    board: Board
    elf: Path
    flash: dict[str, int]  # bytes of text, rodata, data
    static_ram_bytes: int  # data and bss, without the stacks
    overhead: dict[str, int]  # bytes of flash and ram that only the emulation needs
    symbols: tuple[Symbol, ...]
    parts: dict[str, dict[str, int]]  # bytes of text, rodata, data and bss by source file

    @property
    def flash_bytes(self) -> int:
        """Return the bytes of flash that the program takes, without the emulation's own."""
        return sum(self.flash.values())


def build_firmware(
    board: Board,
    sources: Sequence[Path],
    elf: Path,
    *,
    include_dirs: Sequence[Path] = (),
    flags: Sequence[str] = ("-O2",),
    limits: Limits = ALL_MEMORY,
) -> Firmware:
    """Compile C99 sources with the board's start-up code and link them to `elf`; the objects stay beside it.

    Raises ToolchainError when the cross compiler is missing or refuses the sources, FirmwareTooLargeError when flash or
    RAM is too small, ConfigError when `limits` exceed what the board has.
    """
    compiler = find_tool(board.architecture.tool_prefix + "gcc")
    defines = [
        f"-DBOARD_UART_{board.uart}",
        f"-DBOARD_UART_ADDRESS={board.uart_address:#x}u",
        f"-DBOARD_TIMER_HZ={board.timer_hz}u",
        f"-DBOARD_GUARD_BYTES={_GUARD_BYTES}u",
    ]
    # With -fbuiltin a memcpy of a few bytes becomes loads and stores, as on toolchains with a C library.
    common = [*board.cpu_flags, "-std=c99", "-ffreestanding", "-fbuiltin", "-ffunction-sections", "-fdata-sections"]
    common += ["-isystem", str(FOLDER / "libc"), "-I", str(FOLDER), *defines]
    own_sources = ("stapes_board.c", *board.architecture.start_up, "string.c")
    objects = []
    folder = elf.parent / f"{elf.stem}.objects"
    folder.mkdir(parents=True, exist_ok=True)
    for number, source in enumerate([*map(FOLDER.joinpath, own_sources), *sources]):
        own = source.parent == FOLDER and source.name != "stapes_board_detector.c"
        options = (
            ["-O2", "-fno-tree-loop-distribute-patterns"] if own else [*flags, *(f"-I{path}" for path in include_dirs)]
        )
        target = folder / (f"{source.stem}.o" if own else f"{number}_{source.stem}.o")
        call([compiler, *common, *options, "-c", str(source), "-o", str(target)], f"compiling {source.name}")
        objects.append(str(target))
    _link(board, compiler, objects, elf, flags, limits)
    return _inspect(board, elf)


def _link(board: Board, compiler: str, objects: list[str], elf: Path, flags: Sequence[str], limits: Limits) -> None:
    memory = {
        "FLASH_ORIGIN": board.flash_origin,
        "FLASH_BYTES": board.flash_bytes if limits.flash_bytes is None else limits.flash_bytes,
        "RAM_ORIGIN": board.ram_origin,
        "RAM_BYTES": board.ram_bytes if limits.ram_bytes is None else limits.ram_bytes,
        "STACK_BYTES": limits.stack_bytes,
        "HANDLER_STACK_BYTES": limits.handler_stack_bytes,
    }
    for name, most in (("FLASH_BYTES", board.flash_bytes), ("RAM_BYTES", board.ram_bytes)):
        if memory[name] > most:
            raise ConfigError(f"the limit is {memory[name]} bytes of {name[:-6].lower()}: {board.name} has {most}")
    script = [f"-Wl,--defsym={name}={value:#x}" for name, value in memory.items()]
    command = [compiler, *board.cpu_flags, *flags, "-nostdlib", "-nostartfiles", "-Wl,--gc-sections", *script]
    command += [f"-Wl,-Map={elf.with_suffix('.map')}"]
    command += ["-Wl,--no-warn-rwx-segments", "-T", str(FOLDER / "link.ld"), *objects, "-lgcc", "-o", str(elf)]
    done = subprocess.run(command, capture_output=True, text=True)
    missing = {
        region.lower(): int(count)
        for region, count in re.findall(r"region `(\w+)' overflowed by (\d+) byte", done.stderr)
    }
    if missing:
        lacks = " and ".join(
            f"{count} bytes of {region} more than the {memory[region.upper() + '_BYTES']} available"
            for region, count in missing.items()
        )
        raise FirmwareTooLargeError(f"the firmware does not fit {board.name}: it needs {lacks}")
    check(done, f"linking {elf.name}")


def _inspect(board: Board, elf: Path) -> Firmware:
    """Read the sizes and symbols of a program from its ELF file and its link map."""
    listing = call(
        [find_tool(board.architecture.tool_prefix + "gcc").removesuffix("gcc") + "objdump", "-ht", str(elf)], "objdump"
    )
    sizes = {name: int(size, 16) for name, size in re.findall(r"^\s*\d+ \.(\w+)\s+([0-9a-f]{8}) ", listing, re.M)}
    symbols = [
        Symbol(name, section, int(address, 16) & ~1, int(size, 16))
        for address, section, size, name in re.findall(
            r"^([0-9a-f]{8}) .{7} \.(\w+)\s+([0-9a-f]{8})(?: \.hidden)? (\S+)$", listing, re.M
        )
    ]
    flash = {name: sizes.get(name, 0) for name in ("text", "rodata", "data")}
    overhead = {"flash": sizes.get("board_text", 0), "ram": sizes.get("board_bss", 0)}
    static_ram = sizes.get("data", 0) + sizes.get("bss", 0)
    parts = _parts(elf.with_suffix(".map").read_text())
    return Firmware(board, elf, flash, static_ram, overhead, tuple(symbols), parts)


def _parts(link_map: str) -> dict[str, dict[str, int]]:
    """Return the bytes of every source file by section, from the linker's map, without the emulation's own files."""
    parts: dict[str, dict[str, int]] = {}
    _, _, placed = link_map.partition("Linker script and memory map")
    for section, size, path in re.findall(
        r"^ \.s?(text|rodata|data|bss)(?!\.board_marks)\S*\s+0x[0-9a-f]+\s+0x([0-9a-f]+) (.+)$", placed, re.M
    ):
        name = re.sub(r"^\d+_|\.o\)?$", "", Path(path).name.rpartition("(")[2])
        if int(size, 16) and not name.startswith(("stapes_board", "stapes_selftest")):
            part = parts.setdefault(name, dict.fromkeys(("text", "rodata", "data", "bss"), 0))
            part[section] += int(size, 16)
    return parts


@dataclass(frozen=True)
class CallSite:
    """A call in the code of a function. `emulator.run` can count the instructions between its two addresses."""

    callee: str
    address: int
    return_address: int


def call_sites(firmware: Firmware, function: str) -> list[CallSite]:
    """Return the direct calls that a function makes, in the order of its code. Tail calls are not counted."""
    objdump = find_tool(firmware.board.architecture.tool_prefix + "gcc").removesuffix("gcc") + "objdump"
    listing = call([objdump, "-d", f"--disassemble={function}", str(firmware.elf)], "objdump")
    lines = re.findall(r"^\s*([0-9a-f]+):\t((?:[0-9a-f]{4,6} ?)+)\s+(\S+)\s*(.*)$", listing, re.M)
    sites = []
    for address, code, mnemonic, operands in lines:
        target = re.search(r"<([^>+]+)>$", operands)
        if mnemonic in ("bl", "jal", "jalr", "call0") and target is not None:
            size = len(code.replace(" ", "")) // 2
            sites.append(CallSite(target[1], int(address, 16), int(address, 16) + size))
    return sites
