"""What the terminal shows while `stapes listen` runs."""

import math
import time
from collections import deque
from collections.abc import Sequence

import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from stapes.firmware_sim.device.events import probability
from stapes.runtime.detector import Detector
from stapes.runtime.live.listen import OpenEvents, Update
from stapes.runtime.live.sinks.record import Record
from stapes.runtime.live.source import Source

REFRESH_S = 0.125
LONGEST_BAR = 40
EVENTS = 8
QUIETEST_DB = -60.0  # level at the left end of its bar


class Display:
    """Shows the level, each class's probability and rate, the last events, the lag and the dropped audio.

    The bar of a class has a mark at its threshold. While an event lasts, its length so far is shown behind the bar.
    """

    def __init__(self, detector: Detector, source: Source, console: Console | None = None) -> None:
        self._detector, self._source = detector, source
        self._level, self._now_s = 0.0, 0.0
        self._thresholds = [probability(on_score) for on_score, _ in detector.thresholds]
        self._probabilities = np.zeros(len(detector.classes))  # the highest since the last redraw
        self._last: deque[Record] = deque(maxlen=EVENTS)
        self._open = OpenEvents()
        self._recent: deque[tuple[float, str]] = deque()  # (onset, class) of the last minute
        self._shown_s = 0.0
        self._console = console or Console(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False)
        self._live.start()

    def update(self, update: Update, records: Sequence[Record]) -> None:
        """Take one block. The screen is redrawn only a few times per second."""
        self._level = max(update.level, 0.8 * self._level)
        self._now_s = update.end_sample / self._detector.sample_rate_hz
        for scores in update.output.scores:
            self._probabilities = np.maximum(self._probabilities, probability(scores))
        self._open.follow(update.events)
        for record in records:
            if record.kind != "rate":
                self._last.appendleft(record)
            if record.kind == "event":
                self._recent.append((record.onset, record.label))
        while self._recent and self._recent[0][0] < self._now_s - 60:
            self._recent.popleft()
        if time.monotonic() - self._shown_s >= REFRESH_S:
            self._shown_s = time.monotonic()
            self._live.update(self.render(), refresh=True)
            self._probabilities[:] = 0

    def close(self) -> None:
        """Draw the last picture and leave it on the screen."""
        self._live.update(self.render(), refresh=True)
        self._live.stop()

    def render(self) -> Group:
        """Return the picture as rich draws it."""
        head = Text(f"{self._source.name}  {self._now_s:8.1f} s  ", style="bold")
        head.append(f"lag {self._source.lag_s * 1000:.0f} ms  dropped {self._source.dropped_s:.1f} s", style="dim")
        return Group(head, self._bars(), self._events())

    def _bars(self) -> Table:
        table = Table.grid(padding=(0, 2))
        width = max(8, min(LONGEST_BAR, self._console.width - max(map(len, self._detector.classes)) - 28))
        decibels = 20 * math.log10(max(self._level, 1e-5))
        table.add_row("level", _bar(1 - decibels / QUIETEST_DB, width), f"{decibels:.0f} dB")
        rows = zip(self._detector.classes, self._probabilities, self._thresholds, strict=True)
        for label, highest, threshold in rows:
            style = "bold green" if label in self._open else ""
            rate = sum(1 for _, other in self._recent if other == label)
            lasted = f"{self._now_s - self._open[label] / self._detector.sample_rate_hz:.1f} s" if style else ""
            bar = _bar(highest, width, threshold)
            steps = self._detector.sensitivity[label]
            name = f"{label} {steps:+d}" if steps else label
            table.add_row(Text(name, style), bar, f"{highest:.2f}", f"{rate:3d}/min", Text(lasted, style))
        return table

    def _events(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for record in self._last:
            confidence = f"{record.confidence:.2f}" if record.confidence is not None else ""
            what = record.label if record.kind == "event" else f"{record.kind}: {record.label}"
            moment = record.utc[11:23] if record.utc else f"{record.onset:.2f} s"
            table.add_row(Text(moment, "dim"), what, f"{record.offset - record.onset:.2f} s", confidence)
        return table


def _bar(share: float, width: int, threshold: float | None = None) -> Text:
    """Return a bar that fills `share` (0 to 1) of `width` characters, with a mark at the threshold."""
    filled = round(min(1.0, max(0.0, share)) * width)
    bar = Text("█" * filled, "green" if threshold is not None and share >= threshold else "cyan")
    bar.append("─" * (width - filled), "dim")
    if threshold is None:
        return bar
    at = min(width - 1, round(threshold * width))
    return bar[:at] + Text("│", "bold") + bar[at + 1 :]
