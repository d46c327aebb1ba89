"""What a person sees on stderr while a command works; stdout holds results only.

Library code reports through the loggers below `stapes` and never prints. The command line calls `show`, which prints
those records and lets `Progress` draw. A program that imports stapes and calls nothing here sees no progress and no
information, and warnings as Python's default handler prints them.
"""

import logging
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Console(logging.Handler):
    """Prints log records to stderr, a warning as `note: TEXT`, and keeps one line up to date for a running task.

    Where stderr is not a terminal, every change of that line is printed as a line of its own.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._line_is_open = False

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record above the line of the running task."""
        text = self.format(record)
        self._print(f"note: {text}" if record.levelno >= logging.WARNING else text, end="\n")

    def draw(self, text: str, *, last: bool) -> None:
        """Replace the line of the running task; after `last`, further output begins on a new line."""
        with self.lock:  # type: ignore[union-attr]  # None only for a handler that was made without locks
            self._print(text, end="" if sys.stderr.isatty() and not last else "\n")

    def _print(self, text: str, end: str) -> None:
        print("\r\033[K" * self._line_is_open + harmless(text), end=end, file=sys.stderr, flush=True)
        self._line_is_open = not end


def harmless(text: str) -> str:
    """Return a text with control characters escaped, so that no name of a file or a class commands the terminal."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", lambda found: f"\\x{ord(found[0]):02x}", text)


_console: Console | None = None  # None: nothing is shown


def show() -> None:
    """Show the log of stapes, from INFO upward, and the progress of its tasks on stderr of this process."""
    global _console
    if _console is None:
        _console = Console()
        logger = logging.getLogger("stapes")
        logger.addHandler(_console)
        logger.setLevel(logging.INFO)
        logger.propagate = False  # libraries that install a handler for all loggers would print every record again


def is_shown() -> bool:
    """Whether `show` was called in this process."""
    return _console is not None


@contextmanager
def shown() -> Iterator[None]:
    """Show the log and progress while the block runs; do nothing when they are shown already."""
    if is_shown():
        yield
        return
    level = logging.getLogger("stapes").level
    show()
    try:
        yield
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
        self._interval_s = 0.2 if sys.stderr.isatty() else 5.0
        if _whole_run is not None:
            _whole_run.begin(task)

    def advance(self, detail: str = "", weight: float = 1.0) -> None:
        """Count one more unit of the given weight; `detail` is appended to the figures."""
        self._done += 1
        self._weight_done += weight
        now = time.monotonic()
        if self._warm_up and self._done == 1:
            self._warm_up_weight, self._warm_up_s = weight, now - self._started
        if self._done < self._total and now - self._drawn < self._interval_s:
            return
        self._drawn = now
        left = self._left(now)
        self._draw(f"{self._task} {self._done}/{self._total}{left}{'  ' + detail if detail else ''}")

    def _left(self, now: float) -> str:
        """Return words for the time that is left; none as long as it is not known."""
        measured = self._weight_done - self._warm_up_weight
        if measured <= 0:
            return ""
        unit_s = (now - self._started - self._warm_up_s) / measured
        left_s = unit_s * (self._weight - self._weight_done)
        if _whole_run is None:
            return f", {left_s:.0f} s left"
        beyond_s = max(0.0, self._warm_up_s - unit_s * self._warm_up_weight)
        later_s = _whole_run.later_s(self._task, unit_s, beyond_s)
        return "" if later_s is None else f", {left_s + later_s:.0f} s left in all"

    def close(self, summary: str = "") -> None:
        """Replace the line with a summary of the task and the time that it took."""
        self._draw(f"{self._task}: {summary or 'done'} in {time.monotonic() - self._started:.1f} s", last=True)

    def _draw(self, text: str, *, last: bool = False) -> None:
        if _console is not None:
            _console.draw(text, last=last)


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
