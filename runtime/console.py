"""What a person sees on stderr while a command works; stdout holds results only.

Library code reports through the loggers below `stapes` and never prints. The command line calls `show`, which prints
those records and lets `Progress` draw. A program that imports stapes and calls nothing here sees no progress and no
information, and warnings as Python's default handler prints them.
"""

import json
import logging
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Literal, Protocol, get_args

Form = Literal["text", "json"]
FORMS: tuple[Form, ...] = get_args(Form)


@dataclass(frozen=True)
class Advance:
    """How far a running task is."""

    task: str
    done: int  # units
    of: int
    seconds_left: float | None  # None: not known yet
    of_all: bool  # whether these seconds are those of all tasks of the run
    detail: str

    def __str__(self) -> str:
        left = "" if self.seconds_left is None else f", {self.seconds_left:.0f} s left{' in all' * self.of_all}"
        return f"{self.task} {self.done}/{self.of}{left}{'  ' + self.detail if self.detail else ''}"


class Console(logging.Handler):
    """Prints log records to stderr, a warning as `note: TEXT`, and keeps one line up to date for a running task.

    Where stderr is not a terminal, every change of that line is printed as a line of its own.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._line_is_open = False
        self.interval_s = 0.2 if sys.stderr.isatty() else 5.0  # between two changes of the line of a task

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record above the line of the running task."""
        text = self.format(record)
        self._print(f"note: {text}" if record.levelno >= logging.WARNING else text, end="\n")

    def advance(self, advance: Advance) -> None:
        """Replace the line of the running task."""
        self._draw(str(advance), end="" if sys.stderr.isatty() else "\n")

    def finish(self, text: str) -> None:
        """Replace the line of the running task with a summary; further output begins on a new line."""
        self._draw(text, end="\n")

    def fail(self, text: str) -> None:
        """Print why the command fails."""
        self._draw(f"error: {text}", end="\n")

    def interrupted(self) -> None:
        """Print that Ctrl-C ends the command."""
        self._draw("interrupted", end="\n")

    def end(self, exit_code: int) -> None:
        """Note that the command ends; people see that."""

    def _draw(self, text: str, end: str) -> None:
        with self.lock:  # type: ignore[union-attr]  # None only for a handler that was made without locks
            self._print(text, end)

    def _print(self, text: str, end: str) -> None:
        print("\r\033[K" * self._line_is_open + harmless(text), end=end, file=sys.stderr, flush=True)
        self._line_is_open = not end


class JsonLines(Console):
    """Writes everything as lines of JSON, for a program that runs the command; docs/hooks/commands.py lists them."""

    def __init__(self) -> None:
        super().__init__()
        self.interval_s = 1.0

    def emit(self, record: logging.LogRecord) -> None:
        """Write {"kind": "info" or "warning", "text": ...}."""
        self._write("warning" if record.levelno >= logging.WARNING else "info", text=self.format(record))

    def advance(self, advance: Advance) -> None:
        """Write {"kind": "progress", ...} with the fields of `advance`."""
        self._write("progress", **asdict(advance))

    def finish(self, text: str) -> None:
        """Write {"kind": "done", "text": ...}: a task is done."""
        self._write("done", text=text)

    def fail(self, text: str) -> None:
        """Write {"kind": "error", "text": ...}."""
        self._write("error", text=text)

    def interrupted(self) -> None:
        """Write nothing: exit code 130 says it."""

    def end(self, exit_code: int) -> None:
        """Write {"kind": "end", "exit_code": ...}, the last line."""
        self._write("end", exit_code=exit_code)

    def _write(self, kind: str, **fields: object) -> None:
        with self.lock:  # type: ignore[union-attr]  # None only for a handler that was made without locks
            print(json.dumps({"kind": kind, **fields}), file=sys.stderr, flush=True)


def harmless(text: str) -> str:
    """Return a text with control characters escaped, so that no name of a file or a class commands the terminal."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", lambda found: f"\\x{ord(found[0]):02x}", text)


_console: Console | None = None  # None: nothing is shown


def show(form: Form = "text") -> Console:
    """Show the log of stapes, from INFO upward, and the progress of its tasks on stderr of this process."""
    global _console
    if _console is None:
        _console = JsonLines() if form == "json" else Console()
        logger = logging.getLogger("stapes")
        logger.addHandler(_console)
        logger.setLevel(logging.INFO)
        logger.propagate = False  # libraries that install a handler for all loggers would print every record again
    return _console


def shown_form() -> Form | None:
    """Return in which form log and progress are shown in this process; None: they are not."""
    if _console is None:
        return None
    return "json" if isinstance(_console, JsonLines) else "text"


@contextmanager
def shown(form: Form = "text") -> Iterator[Console]:
    """Show the log and progress while the block runs; change nothing when they are shown already."""
    if _console is not None:
        yield _console
        return
    level = logging.getLogger("stapes").level
    try:
        yield show(form)
    finally:
        _hide(level)


def _hide(level: int) -> None:
    global _console
    if _console is not None:
        logger = logging.getLogger("stapes")
        logger.removeHandler(_console)
        logger.setLevel(level)
        logger.propagate = True
        _console = None


class WholeRun(Protocol):
    """A run of many tasks, which knows how long those take that come after the running one."""

    def begin(self, task: str) -> None:
        """Note that a task begins."""

    def later_s(self, task: str, unit_s: float, warm_up_s: float) -> float | None:
        """Return the seconds that later tasks take; None: nothing is known yet.

        A unit of the running task takes `unit_s` seconds; its first one took `warm_up_s` more, because of what is
        compiled in it.
        """


_whole_run: WholeRun | None = None


@contextmanager
def part_of(run: WholeRun) -> Iterator[None]:
    """Show the time that the whole run still takes, in place of that of each task, while the block runs."""
    global _whole_run
    before, _whole_run = _whole_run, run
    try:
        yield
    finally:
        _whole_run = before


class Progress:
    """One line that shows how much of a task is done and how long the rest takes.

    Where stderr is not a terminal, a new line is printed every few seconds instead. Without `show`, nothing is printed.

    >>> progress = Progress("features", total=3)
    >>> for _ in range(3):
    ...     progress.advance()
    >>> progress.close("3 recordings")
    """

    def __init__(self, task: str, total: int, weight: float | None = None, *, warm_up: bool = False) -> None:
        """`weight` is the sum of the weights of all units, where units differ in how long they take.

        warm_up: the first unit takes longer than its weight says, because something is compiled in it.
        """
        self._task, self._total, self._done = task, total, 0
        self._weight, self._weight_done = weight or float(total), 0.0
        self._started = self._drawn = time.monotonic()
        self._warm_up, self._warm_up_weight, self._warm_up_s = warm_up, 0.0, 0.0
        if _whole_run is not None:
            _whole_run.begin(task)

    def advance(self, detail: str = "", weight: float = 1.0) -> None:
        """Count one more unit of the given weight; `detail` is appended to the figures."""
        self._done += 1
        self._weight_done += weight
        now = time.monotonic()
        if self._warm_up and self._done == 1:
            self._warm_up_weight, self._warm_up_s = weight, now - self._started
        if _console is None or (self._done < self._total and now - self._drawn < _console.interval_s):
            return
        self._drawn = now
        left_s = self._left_s(now)
        _console.advance(Advance(self._task, self._done, self._total, left_s, _whole_run is not None, detail))

    def _left_s(self, now: float) -> float | None:
        """Return the seconds that the task, or the whole run that it is part of, still takes; None: not known yet."""
        measured = self._weight_done - self._warm_up_weight
        if measured <= 0:
            return None
        unit_s = (now - self._started - self._warm_up_s) / measured
        left_s = unit_s * (self._weight - self._weight_done)
        if _whole_run is None:
            return left_s
        beyond_s = max(0.0, self._warm_up_s - unit_s * self._warm_up_weight)
        later_s = _whole_run.later_s(self._task, unit_s, beyond_s)
        return None if later_s is None else left_s + later_s

    def close(self, summary: str = "") -> None:
        """Replace the line with a summary of the task and the time that it took."""
        if _console is not None:
            _console.finish(f"{self._task}: {summary or 'done'} in {time.monotonic() - self._started:.1f} s")


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Discard what is written to the process's stderr, which C libraries do without asking."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
