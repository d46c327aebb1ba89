"""What a person sees while a command works: notes and progress on stderr, so that stdout holds results only."""

import sys
import time


def note(text: str) -> None:
    """Say one thing, once."""
    print(text, file=sys.stderr, flush=True)


class Progress:
    """One line that says how far a task is and how long it still takes.

    Where stderr is no terminal, a new line every few seconds instead.

    >>> progress = Progress("features", total=3)
    >>> for _ in range(3):
    ...     progress.advance()
    >>> progress.close("3 recordings")
    """

    def __init__(self, task: str, total: int, weight: float | None = None) -> None:
        """`weight`: of all units together, where they differ in how long they take."""
        self._task, self._total, self._done = task, total, 0
        self._weight, self._weight_done = weight or float(total), 0.0
        self._started = self._shown = time.monotonic()
        self._terminal = sys.stderr.isatty()

    def advance(self, detail: str = "", weight: float = 1.0) -> None:
        """Count one more unit of work, of that weight; `detail` stands behind the figures."""
        self._done += 1
        self._weight_done += weight
        now = time.monotonic()
        if self._done < self._total and now - self._shown < (0.2 if self._terminal else 5.0):
            return
        self._shown = now
        left = (now - self._started) / max(self._weight_done, 1e-9) * (self._weight - self._weight_done)
        self._show(f"{self._task} {self._done}/{self._total}, {left:.0f} s left{'  ' + detail if detail else ''}")

    def close(self, summary: str = "") -> None:
        """End the line with what was done and how long it took."""
        self._show(f"{self._task}: {summary or 'done'} in {time.monotonic() - self._started:.1f} s")
        if self._terminal:
            print(file=sys.stderr, flush=True)

    def _show(self, text: str) -> None:
        if self._terminal:
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)
