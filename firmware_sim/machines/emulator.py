"""Run firmware on an emulated board: its text, exit code, files, exact instruction counts and stack.

A plugin of QEMU (plugin interface 1; tested with QEMU 7.2) counts every instruction, so two runs give the same figures.
QEMU models no pipeline; the plugin computes the cycles of a core (`core_timing.py`) from the instructions that ran.

>>> board = BOARDS["cortex-m4"]                                                             # doctest: +SKIP
>>> firmware = build_firmware(board, [Path("main.c"), Path("kernel.c")], Path("fw.elf"))    # doctest: +SKIP
>>> result = run(firmware, files={"in.pcm": pcm.tobytes()})                                 # doctest: +SKIP
>>> result.text, result.exit_code, result.files["out.bin"]                                  # doctest: +SKIP
>>> result.regions["sum"]    # one count per pass from STAPES_BEGIN(sum) to STAPES_END(sum)   doctest: +SKIP
[1234, 1234, 1250]
>>> firmware.flash, firmware.static_ram_bytes, result.stack_bytes                           # doctest: +SKIP
({'text': 3120, 'rodata': 960, 'data': 0}, 2048, 412)

boards/stapes_board.h declares what firmware may call: files of the host, text, regions.
"""

import atexit
import bisect
import functools
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from stapes.firmware_sim.errors import ConfigError, ToolchainError
from stapes.firmware_sim.machines.boards import FOLDER
from stapes.firmware_sim.machines.core_timing import CORE_TIMINGS, CoreTiming
from stapes.firmware_sim.machines.cycle_count import NOTHING, CycleCount
from stapes.firmware_sim.machines.firmware import Firmware, Symbol
from stapes.firmware_sim.machines.flash_cache import FlashCache, FlashMisses
from stapes.firmware_sim.machines.tools import call, find_tool

CACHE_SOURCE = "cache_plugin.c"
COUNT_SOURCES = ("count_plugin.c", "core_model.c", "decode_arm.c", "decode_riscv.c")
_FAULT_EXIT_CODE = 125  # of board_fault in boards/stapes_board.c
# Semihosting lets firmware run commands on this machine (SYS_SYSTEM). With this filter the kernel ends QEMU when it
# starts a process. QEMU cannot restrict files, which firmware may open by any path; so no foreign C becomes firmware.
_SANDBOX = ("-sandbox", "on,spawn=deny,elevateprivileges=deny")


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """The result of one run."""

    text: str  # from the UART
    exit_code: int
    fault: str | None  # which fault, in which function and stage, when a fault handler ended the run
    stack_bytes: int  # the most that was used, found by painting the stack before the run
    handler_stack_bytes: int  # the same for interrupt and fault handlers
    counts: dict[str, list[CycleCount]] = field(default_factory=dict)  # of each pass, by region
    total: CycleCount = NOTHING  # with start-up
    functions: dict[str, CycleCount] = field(default_factory=dict)  # by function, when a profile was asked for
    flash_misses: dict[str, list[FlashMisses]] = field(default_factory=dict)  # of each pass, by region, of a cache
    core: CoreTiming | None = None  # whose cycles were computed; None: none were
    files: dict[str, bytes] = field(default_factory=dict)  # what the firmware wrote

    @property
    def regions(self) -> dict[str, list[int]]:
        """Return the instructions of each pass, by region."""
        return {name: [one.instructions for one in passes] for name, passes in self.counts.items()}

    @property
    def total_instructions(self) -> int:
        """Return the instructions of the whole run."""
        return self.total.instructions

    @property
    def profile(self) -> dict[str, int]:
        """Return the instructions by function, the largest first."""
        by_size = sorted(self.functions.items(), key=lambda item: -item[1].instructions)
        return {name: one.instructions for name, one in by_size}


def run(
    firmware: Firmware,
    *,
    arguments: Sequence[str] = (),
    files: Mapping[str, bytes] | None = None,
    count: bool = True,
    profile: bool = False,
    regions: Mapping[str, tuple[int, int]] | None = None,
    timing: CoreTiming | None = None,
    flash_cache: FlashCache | None = None,
    on_line: Callable[[str], object] | None = None,
    icount_shift: int | None = None,
    timeout_s: float = 120.0,
) -> RunResult:
    """Run a program to its end. It finds `files` in its working directory; the files that it writes are in the result.

    count: count the instructions of every STAPES_REGION; a run that counts nothing is several times as fast.
    profile: count instructions by function as well.
    regions: further regions to count, each from one address up to but not including another.
    timing: the core whose cycles are computed; None: the one that the board names.
    flash_cache: count the words that this cache in front of the board's flash lacks, too.
    on_line: called with every line from the UART as soon as it is complete.
    icount_shift: every instruction takes 2**icount_shift ns of the board's time, and its timer follows that exactly;
        in such a run instructions alone are counted, no cycles.
    timeout_s: real time, in seconds, after which the run is ended.

    A fault of the firmware is part of the result. Raises ToolchainError when QEMU is missing or cannot run the program,
    and when the program asks for a command of the host or has not ended after `timeout_s`; ConfigError for an argument
    that is empty or holds a space or comma.
    """
    board, marked = firmware.board, _region_addresses(firmware)
    core = None if icount_shift is not None else timing or (CORE_TIMINGS[board.timing] if board.timing else None)
    begin_end = [*marked, *((name, begin, end) for name, (begin, end) in (regions or {}).items())]
    for argument in arguments:
        if re.search(r"[\s,]", argument) or not argument:
            raise ConfigError(f"{argument!r} cannot be passed to firmware: need text without spaces or commas")
    with tempfile.TemporaryDirectory(prefix="stapes-run-") as folder:
        for name, data in (files or {}).items():
            (Path(folder) / name).write_bytes(data)
        command = [find_tool(board.architecture.emulator), "-M", board.machine, *board.architecture.emulator_options]
        command += ["-display", "none", "-monitor", "none", "-serial", "stdio"]
        semihosting = ["enable=on,target=native,chardev=nothing,arg=fw", *(f"arg={a}" for a in arguments)]
        command += ["-chardev", "null,id=nothing", "-semihosting-config", ",".join(semihosting), *_SANDBOX]
        if icount_shift is not None:
            command += ["-icount", f"shift={icount_shift},sleep=off"]
        addresses = [f"region={begin:x}:{end:x}" for _, begin, end in begin_end]
        flash = f"flash={board.flash_origin:x}:{board.flash_origin + board.flash_bytes:x}"
        if count or profile:
            options = [str(_plugin(*COUNT_SOURCES)), "out=board.counts", *addresses]
            options += [*(["profile=on"] if profile else []), *([] if core is None else [*core.arguments(), flash])]
            command += ["-plugin", ",".join(options)]
        if flash_cache is not None:
            options = [str(_plugin(CACHE_SOURCE)), "out=board.misses", *addresses, flash, *flash_cache.arguments()]
            command += ["-plugin", ",".join(options)]
        command += ["-kernel", str(firmware.elf.resolve())]
        done = _emulate(command, folder, timeout_s, on_line)
        written = {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.name not in (files or {})}
    costs = [(name, _mark_cost(core) if n < len(marked) else NOTHING) for n, (name, _, _) in enumerate(begin_end)]
    return replace(_read_result(firmware, done, written, costs), core=core if count or profile else None)


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
            raise ToolchainError(f"the firmware had not ended after {timeout_s:g} s; its last output: {shown!r}")
        return subprocess.CompletedProcess(command, process.returncode, text, stderr.read())


def _region_addresses(firmware: Firmware) -> list[tuple[str, int, int]]:
    """Return name, begin mark and end mark of each region that has both; several source files may share a name."""
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
    region_costs: list[tuple[str, CycleCount]],
) -> RunResult:
    """Join the board's report and the plugin's counts. `region_costs` has each region's name and its marks' cost."""
    report = dict(line.split(" ", 1) for line in written.pop("board.report", b"").decode().splitlines())
    if "stack" not in report:
        words = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        if done.returncode == -signal.SIGSYS:
            words = ["the firmware asked it for what it may not do on this machine, such as to start a process"]
        raise ToolchainError(f"{firmware.board.architecture.emulator} ended before the firmware did: {words[0]}")
    counts: dict[str, list[CycleCount]] = {name: [] for name, _ in region_costs}
    functions: dict[str, CycleCount] = {}
    total = NOTHING
    function_of = _functions_by_address(firmware)
    for line in written.pop("board.counts", b"").decode().splitlines():
        kind, *values = line.split()
        count = _cycle_count(values[-5:])
        if kind == "region":
            name, cost = region_costs[int(values[0])]
            counts[name].append(count - cost)
        elif kind == "run":
            name = function_of(int(values[0], 16))
            functions[name] = functions.get(name, NOTHING) + count
        else:
            total = count
    misses: dict[str, list[FlashMisses]] = {name: [] for name, _ in region_costs}
    for line in written.pop("board.misses", b"").decode().splitlines():
        number, code, data = map(int, line.split()[1:])
        misses[region_costs[number][0]].append(FlashMisses(code, data))
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
        counts=counts,
        total=total,
        functions=functions,
        flash_misses=misses,
        files=written,
    )


def _cycle_count(values: Sequence[str]) -> CycleCount:
    names = ("instructions", "cycles", "fetches", "flash_reads", "taken_branches")
    return CycleCount(**dict(zip(names, map(int, values), strict=True)))


def _mark_cost(core: CoreTiming | None) -> CycleCount:
    """Return the cost of the return from the begin mark and of the call of the end mark."""
    if core is None:
        return CycleCount(instructions=2)
    cycles = 2 + core.taken_indirect + core.taken_call
    return CycleCount(instructions=2, cycles=cycles, fetches=2, taken_branches=2)


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
def _plugin(*sources: str) -> Path:
    """Build a plugin from its source files, once per process, and return its path."""
    folder = Path(tempfile.mkdtemp(prefix="stapes-plugin-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    library = folder / "plugin.so"
    command = [
        find_tool("cc"),
        "-std=c99",
        "-O2",
        "-fPIC",
        "-shared",
        *(str(FOLDER / name) for name in sources),
        "-o",
        str(library),
    ]
    call(command, f"compiling {sources[0]}")
    return library
