"""Runs a program on many damaged inputs in a worker process that is watched.

The claim about every input: the result is right, or it is one of the project's own errors, in one line. Any other
exception, a hang, a crash and memory without bound are failures; each is written to build/fuzz as the files that
caused it. The inputs follow from a seed: input n of a fuzzer is the same in every run.

STAPES_FUZZ_INPUTS sets how many inputs each fuzzer tries, STAPES_FUZZ_SEED which ones; `make fuzz` sets both.
"""

import faulthandler
import logging
import mmap
import os
import random
import resource
import shutil
import signal
import struct
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stapes.firmware_sim.errors import ModelError, StapesError

SEED = int(os.environ.get("STAPES_FUZZ_SEED", "1"))
REPRODUCERS = Path(__file__).resolve().parents[2] / "build" / "fuzz"
CPU_S = 10  # an input takes milliseconds; one that takes this much of the processor hangs
WALL_S = 120  # also for a worker that sleeps; a shared machine may stall for many seconds
MEMORY_BYTES = 1 << 30  # of address space that a worker may add to what it begins with
GROWTH_BYTES = 64 << 20  # of resident memory that may remain after all inputs: caches and the allocator's reserve
FILE_BYTES = 64 << 20  # of every file that a worker writes
LONGEST_MESSAGE = 2000  # characters; paths of temporary folders are long
FAILURES_SHOWN = 5  # a run ends after so many

Files = dict[str, bytes]


@dataclass(frozen=True)
class Fuzzer:
    """A kind of input.

    make: returns the files of an input by their names, decided by the random generator alone. use: reads these files in
    a folder as stapes does, and raises AssertionError where the result is wrong.
    """

    name: str
    make: Callable[[random.Random], Files]
    use: Callable[[Path], None]

    def files(self, number: int) -> Files:
        """Return the files of input `number`."""
        return self.make(random.Random(f"{self.name} {SEED} {number}"))


def inputs(usual: int) -> int:
    """Return how many inputs to try: `usual` in the slow tests, another number in `make fuzz`."""
    return int(os.environ.get("STAPES_FUZZ_INPUTS", usual))


def fuzz(fuzzer: Fuzzer, count: int) -> None:
    """Try the inputs 0 to `count` - 1. Raises AssertionError that names the failed ones and their reproducers."""
    failures: list[str] = []
    first = 0
    while first < count and len(failures) < FAILURES_SHOWN:
        first = _run_worker(fuzzer, first, count, failures)
    if failures:
        lines = "\n".join(failures)
        raise AssertionError(f"fuzzer {fuzzer.name}, seed {SEED}, of {first} inputs {len(failures)} failed:\n{lines}")


def _run_worker(fuzzer: Fuzzer, first: int, count: int, failures: list[str]) -> int:
    """Try inputs from `first` on in a child process; return the number of the input to go on with."""
    with mmap.mmap(-1, 8) as progress, tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report"
        child = os.fork()
        if child == 0:
            try:
                os._exit(_work(fuzzer, range(first, count), progress, Path(scratch)))
            except BaseException:
                report.write_text(traceback.format_exc(limit=-3))  # the innermost calls tell the most
                os._exit(1)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        (number,) = struct.unpack("q", progress[:8])
        if status == 0:
            return count
        if status > 0:
            failures.append(_failure(fuzzer, number, report.read_text().strip()))
        else:
            failures.append(_failure(fuzzer, number, _end(-status)))
        return number + 1


def _end(signal_number: int) -> str:
    """Return what a signal that ended the worker says about the input."""
    known = {
        signal.SIGALRM: f"it hung for {WALL_S} s",
        signal.SIGPROF: f"it took more than {CPU_S} s of the processor",
        signal.SIGXFSZ: f"it wrote a file of more than {FILE_BYTES} bytes",
    }
    return known.get(signal.Signals(signal_number), f"it died by signal {signal_number}")


def _failure(fuzzer: Fuzzer, number: int, reason: str) -> str:
    """Keep the files of a failed input and return the line that tells of it."""
    return f"input {number}, written to {keep(fuzzer.name, number, fuzzer.files(number))}: {reason}"


def keep(name: str, number: int, files: Files) -> Path:
    """Write the files of a failed input below build/fuzz and return their folder."""
    folder = REPRODUCERS / f"{name}-{SEED}-{number}"
    shutil.rmtree(folder, ignore_errors=True)
    _write(folder, files)
    return folder


def _write(folder: Path, files: Files) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _work(fuzzer: Fuzzer, numbers: range, progress: mmap.mmap, scratch: Path) -> int:
    """Try inputs in this process, which the kernel ends when one takes too long; return the exit code."""
    logging.disable(logging.CRITICAL)
    faulthandler.disable()  # a crash is reported by the process that watches
    for end in (signal.SIGALRM, signal.SIGPROF, signal.SIGXFSZ):
        signal.signal(end, signal.SIG_DFL)
    address_space = _memory_pages(0) * resource.getpagesize() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resident = 0
    for number in numbers:
        progress[:8] = struct.pack("q", number)
        signal.alarm(WALL_S)
        signal.setitimer(signal.ITIMER_PROF, CPU_S)
        files = fuzzer.files(number)
        folder = scratch / "input"
        _write(folder, files)
        _try(fuzzer, folder)
        shutil.rmtree(folder)
        if number - numbers.start == len(numbers) // 5:  # by now, caches are full
            resident = _memory_pages(1)
    growth = (_memory_pages(1) - resident) * resource.getpagesize()
    assert len(numbers) < 100 or growth < GROWTH_BYTES, f"memory grew by {growth} bytes in {len(numbers)} inputs"
    return 0


def _try(fuzzer: Fuzzer, folder: Path) -> None:
    try:
        fuzzer.use(folder)
    except StapesError as error:
        require_one_line(error)


def require_one_line(error: StapesError) -> None:
    """Raise AssertionError when a message is no single line, empty, or as long as what it quotes.

    A ModelError may list more lines, for which the same holds.
    """
    message, *listed = str(error).split("\n")
    assert len(listed) == len(error.listed if isinstance(error, ModelError) else ())
    for line in listed:
        assert line.isprintable(), f"a line of the message has control characters: {line!r}"
        assert len(line) < LONGEST_MESSAGE, f"a line of the message has {len(line)} characters"
    assert message.replace("\xa0", " ").isprintable(), f"the message has line ends or control characters: {message!r}"
    assert 10 < len(message) < LONGEST_MESSAGE, f"the message has {len(message)} characters: {message[:300]!r}"


def _memory_pages(which: int) -> int:
    """Return the pages of this process: 0: of its address space, 1: resident ones."""
    return int(Path("/proc/self/statm").read_text().split()[which])
