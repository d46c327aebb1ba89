"""Build C for an emulated board and run it: text, exit code, exact instruction counts, flash, RAM, stack.

Instructions are counted one by one by a plugin of QEMU (interface 1; tried with QEMU 7.2), so two runs give the
same figures. They are not cycles: no pipeline, no wait states of the flash.

>>> board = BOARDS["cortex-m4"]                                                    # doctest: +SKIP
>>> firmware = build_firmware(board, [Path("main.c"), Path("kernel.c")], Path("fw.elf"))
>>> result = run(firmware, files={"in.pcm": pcm.tobytes()})
>>> result.text, result.exit_code, result.files["out.bin"]
>>> result.regions["sum"]          # one count for each STAPES_BEGIN(sum) ... STAPES_END(sum) that ran
[1234, 1234, 1250]
>>> firmware.flash, firmware.static_ram_bytes, result.stack_bytes
({'text': 3120, 'rodata': 960, 'data': 0}, 2048, 412)

What C may ask of the board (files, text, regions) stands in boards/stapes_board.h.
"""

import atexit
import bisect
import functools
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stapes.firmware_sim.boards import BOARDS, FOLDER, Board
from stapes.firmware_sim.errors import ConfigError, ToolchainError

__all__ = [
    "ALL_MEMORY",
    "BOARDS",
    "Board",
    "CallSite",
    "Firmware",
    "Limits",
    "RunResult",
    "Symbol",
    "build_firmware",
    "call_sites",
    "run",
]

_DEBIAN_PACKAGES = {
    "qemu-system-arm": "qemu-system-arm",
    "qemu-system-riscv32": "qemu-system-misc",
    "arm-none-eabi-gcc": "gcc-arm-none-eabi",
    "riscv64-unknown-elf-gcc": "gcc-riscv64-unknown-elf",
    "cc": "gcc",
}
_GUARD_BYTES = 64 << 10  # below the stack on boards whose memory goes on there
_FAULT_EXIT_CODE = 125  # of board_fault in boards/stapes_board.c
_MARK_COST = 2  # the return of the begin mark and the call of the end mark


def find_tool(name: str) -> str:
    """Return the path of a program; ToolchainError names the Debian package of a missing one."""
    path = shutil.which(name)
    if path is None:
        package = _DEBIAN_PACKAGES.get(name, name)
        raise ToolchainError(f"{name} is not installed: apt-get install {package} (its name on Debian)")
    return path


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much memory the linker may use; None: all that the board has. Both stacks lie in the RAM."""

    flash_bytes: int | None = None
    ram_bytes: int | None = None
    stack_bytes: int = 4096
    handler_stack_bytes: int = 512


ALL_MEMORY = Limits()


@dataclass(frozen=True)
class Symbol:
    """A function or an object in the firmware."""

    name: str
    section: str  # text, rodata, data, bss, or board_text and board_bss for what only the emulation needs
    address: int
    bytes: int


@dataclass(frozen=True)
class Firmware:
    """A program for one board. Start-up code, UART and semihosting are counted in `board` only."""

    board: Board
    elf: Path
    flash: dict[str, int]  # bytes of text, rodata, data
    static_ram_bytes: int  # data and bss, without the stacks
    overhead: dict[str, int]  # bytes of flash and ram that only the emulation needs
    symbols: tuple[Symbol, ...]
    parts: dict[str, dict[str, int]]  # the same by source file: bytes of text, rodata, data, bss

    @property
    def flash_bytes(self) -> int:
        """Flash of the program itself."""
        return sum(self.flash.values())


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What one run gave."""

    text: str  # of the UART
    exit_code: int
    fault: str | None  # what went wrong, where and in which stage, when a handler of faults ended the run
    stack_bytes: int  # deepest use, from the paint
    handler_stack_bytes: int
    regions: dict[str, list[int]] = field(default_factory=dict)  # instructions of each pass
    total_instructions: int = 0  # start-up included
    profile: dict[str, int] = field(default_factory=dict)  # instructions by function
    files: dict[str, bytes] = field(default_factory=dict)  # what the firmware wrote


def build_firmware(
    board: Board,
    sources: Sequence[Path],
    elf: Path,
    *,
    include_dirs: Sequence[Path] = (),
    flags: Sequence[str] = ("-O2",),
    limits: Limits = ALL_MEMORY,
) -> Firmware:
    """Compile C99 sources with the board's start-up code and link them to `elf`; objects are left beside it.

    Raises ToolchainError when the cross compiler is missing or refuses the sources, and when flash or RAM is too small.
    """
    compiler = find_tool(board.tool_prefix + "gcc")
    defines = [
        f"-DBOARD_UART_{board.uart}",
        f"-DBOARD_UART_ADDRESS={board.uart_address:#x}u",
        f"-DBOARD_TIMER_HZ={board.timer_hz}u",
        f"-DBOARD_GUARD_BYTES={_GUARD_BYTES}u",
    ]
    # -fbuiltin: memcpy of a few bytes becomes loads and stores, as on toolchains with a C library
    common = [*board.cpu_flags, "-std=c99", "-ffreestanding", "-fbuiltin", "-ffunction-sections", "-fdata-sections"]
    common += ["-isystem", str(FOLDER / "libc"), "-I", str(FOLDER), *defines]
    start_up = "stapes_board_riscv.c" if board.is_riscv else "stapes_board_arm.c"
    objects = []
    folder = elf.parent / f"{elf.stem}.objects"
    folder.mkdir(parents=True, exist_ok=True)
    for number, source in enumerate([FOLDER / "stapes_board.c", FOLDER / start_up, FOLDER / "string.c", *sources]):
        own = source.parent == FOLDER and source.name != "stapes_board_detector.c"
        options = (
            ["-O2", "-fno-tree-loop-distribute-patterns"] if own else [*flags, *(f"-I{path}" for path in include_dirs)]
        )
        target = folder / (f"{source.stem}.o" if own else f"{number}_{source.stem}.o")
        _call([compiler, *common, *options, "-c", str(source), "-o", str(target)], f"compiling {source.name}")
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
            raise ConfigError(f"{memory[name]} bytes of {name[:-6].lower()} asked for: {board.name} has {most}")
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
            f"{count} bytes of {region} more than the {memory[region.upper() + '_BYTES']} there are"
            for region, count in missing.items()
        )
        raise ToolchainError(f"the firmware does not fit {board.name}: it needs {lacks}")
    _check(done, f"linking {elf.name}")


def _inspect(board: Board, elf: Path) -> Firmware:
    """Read sizes and symbols back from the program."""
    listing = _call([find_tool(board.tool_prefix + "gcc").removesuffix("gcc") + "objdump", "-ht", str(elf)], "objdump")
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
    """Bytes of every source file by section, from the linker's map; the emulation's own files are left out."""
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
    """A call in the code of a function: instructions from it to its return can be counted as a region."""

    callee: str
    address: int
    return_address: int


def call_sites(firmware: Firmware, function: str) -> list[CallSite]:
    """Direct calls that a function makes, in the order of its code; a jump to a function as its last act is none."""
    objdump = find_tool(firmware.board.tool_prefix + "gcc").removesuffix("gcc") + "objdump"
    listing = _call([objdump, "-d", f"--disassemble={function}", str(firmware.elf)], "objdump")
    lines = re.findall(r"^\s*([0-9a-f]+):\t((?:[0-9a-f]{4} ?)+)\s+(\S+)\s*(.*)$", listing, re.M)
    sites = []
    for address, code, mnemonic, operands in lines:
        target = re.search(r"<([^>+]+)>$", operands)
        if mnemonic in ("bl", "jal", "jalr") and target is not None:
            size = len(code.replace(" ", "")) // 2
            sites.append(CallSite(target[1], int(address, 16), int(address, 16) + size))
    return sites


def run(
    firmware: Firmware,
    *,
    arguments: Sequence[str] = (),
    files: Mapping[str, bytes] | None = None,
    count: bool = True,
    profile: bool = False,
    regions: Mapping[str, tuple[int, int]] | None = None,
    on_line: Callable[[str], object] | None = None,
    icount_shift: int | None = None,
    timeout_s: float = 120.0,
) -> RunResult:
    """Run a program to its end; `files` lie in its directory, and what it writes there comes back.

    count: instructions of every STAPES_REGION; off, the run is several times as fast. profile: by function as well.
    regions: more of them, each from the instruction at one address up to that at another.
    on_line: called with every line of the UART as it comes.
    icount_shift: every instruction takes 2**shift ns of the board's time, which its timer then follows exactly.

    A fault of the firmware is part of the result. Raises ToolchainError when QEMU is missing, cannot run the program,
    or the program is not done after timeout_s.
    """
    board, marked = firmware.board, _region_addresses(firmware)
    begin_end = [*marked, *((name, begin, end) for name, (begin, end) in (regions or {}).items())]
    for argument in arguments:
        if re.search(r"[\s,]", argument) or not argument:
            raise ConfigError(f"{argument!r} cannot be passed to firmware: no spaces, no commas, not empty")
    with tempfile.TemporaryDirectory(prefix="stapes-run-") as folder:
        for name, data in (files or {}).items():
            (Path(folder) / name).write_bytes(data)
        command = [find_tool(board.emulator), "-M", board.machine, "-display", "none", "-monitor", "none"]
        command += ["-serial", "stdio", "-bios", "none"] if board.is_riscv else ["-serial", "stdio"]
        command += [
            "-semihosting-config",
            ",".join(["enable=on,target=native,arg=fw", *(f"arg={a}" for a in arguments)]),
        ]
        if icount_shift is not None:
            command += ["-icount", f"shift={icount_shift},sleep=off"]
        if count or profile:
            addresses = [f"region={begin:x}:{end:x}" for _, begin, end in begin_end]
            options = [str(_count_plugin()), "out=board.counts", *addresses, *(["profile=on"] if profile else [])]
            command += ["-plugin", ",".join(options)]
        command += ["-kernel", str(firmware.elf.resolve())]
        done = _emulate(command, folder, timeout_s, on_line)
        written = {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.name not in (files or {})}
    costs = [(name, _MARK_COST if number < len(marked) else 0) for number, (name, _, _) in enumerate(begin_end)]
    return _read_result(firmware, done, written, costs)


def _emulate(
    command: list[str], folder: str, timeout_s: float, on_line: Callable[[str], object] | None
) -> "subprocess.CompletedProcess[bytes]":
    with tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr)
        too_late = threading.Event()

        def give_up() -> None:
            too_late.set()
            process.kill()

        late = threading.Timer(timeout_s, give_up)
        late.start()
        try:
            lines = []
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line)
                if on_line is not None:
                    on_line(line.decode(errors="replace").removesuffix("\n"))
            process.wait()
        finally:
            late.cancel()
            process.kill()
            process.wait()
        stderr.seek(0)
        text = b"".join(lines)
        if too_late.is_set():
            shown = text.decode(errors="replace")[-200:]
            raise ToolchainError(f"the firmware was not done after {timeout_s:g} s; its last words: {shown!r}")
        return subprocess.CompletedProcess(command, process.returncode, text, stderr.read())


def _region_addresses(firmware: Firmware) -> list[tuple[str, int, int]]:
    """Name, begin and end mark of each region that is both begun and ended; several sources may share a name."""
    marks: dict[str, list[int]] = {}
    for symbol in sorted(firmware.symbols, key=lambda symbol: symbol.address):
        if symbol.name.startswith(("stapes_begin_", "stapes_end_")):
            marks.setdefault(symbol.name, []).append(symbol.address)
    return [
        (name.removeprefix("stapes_begin_"), begin, end)
        for name, begins in marks.items()
        if name.startswith("stapes_begin_")
        for begin, end in zip(begins, marks.get(name.replace("begin", "end", 1), []), strict=False)
    ]


def _read_result(
    firmware: Firmware,
    done: "subprocess.CompletedProcess[bytes]",
    written: dict[str, bytes],
    region_costs: list[tuple[str, int]],
) -> RunResult:
    """Put report and counts together; region_costs: name of each region, and what its marks cost."""
    report = dict(line.split(" ", 1) for line in written.pop("board.report", b"").decode().splitlines())
    if "stack" not in report:
        words = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise ToolchainError(f"{firmware.board.emulator} ended before the firmware did: {words[0]}")
    regions: dict[str, list[int]] = {name: [] for name, _ in region_costs}
    profile: dict[str, int] = {}
    total = 0
    function_of = _functions_by_address(firmware)
    for line in written.pop("board.counts", b"").decode().splitlines():
        kind, *values = line.split()
        if kind == "region":
            name, cost = region_costs[int(values[0])]
            regions[name].append(int(values[1]) - cost)
        elif kind == "pc":
            name = function_of(int(values[0], 16))
            profile[name] = profile.get(name, 0) + int(values[1])
        else:
            total = int(values[0])
    fault = None
    if done.returncode == _FAULT_EXIT_CODE and "fault" in report:
        place = f" in {function_of(int(report['pc']))}" if int(report["pc"]) else ""
        fault = f"{report['fault']}{place} (last stage: {report['stage']})"
    return RunResult(
        text=done.stdout.decode(errors="replace"),
        exit_code=done.returncode,
        fault=fault,
        stack_bytes=int(report["stack"]),
        handler_stack_bytes=int(report["handler_stack"]),
        regions=regions,
        total_instructions=total,
        profile=dict(sorted(profile.items(), key=lambda item: -item[1])),
        files=written,
    )


def _functions_by_address(firmware: Firmware) -> "functools.partial[str]":
    functions = sorted(
        (symbol for symbol in firmware.symbols if symbol.bytes and symbol.section.endswith("text")),
        key=lambda symbol: symbol.address,
    )
    return functools.partial(_function_at, functions, [symbol.address for symbol in functions])


def _function_at(functions: list[Symbol], addresses: list[int], address: int) -> str:
    place = bisect.bisect_right(addresses, address) - 1
    if place < 0 or address >= functions[place].address + functions[place].bytes:
        return "?"
    return functions[place].name


@functools.cache
def _count_plugin() -> Path:
    """Build the counting plugin once per process."""
    folder = Path(tempfile.mkdtemp(prefix="stapes-plugin-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    library = folder / "count_plugin.so"
    command = [
        find_tool("cc"),
        "-std=c99",
        "-O2",
        "-fPIC",
        "-shared",
        str(FOLDER / "count_plugin.c"),
        "-o",
        str(library),
    ]
    _call(command, "compiling the counting plugin")
    return library


def _call(command: list[str], doing: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    _check(done, doing)
    return done.stdout


def _check(done: "subprocess.CompletedProcess[str]", doing: str) -> None:
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if re.search("error|undefined", line, re.I)]
        first = (lines or done.stderr.splitlines() or [f"exit code {done.returncode}"])[0]
        raise ToolchainError(f"{doing} failed: {first.strip()}")
