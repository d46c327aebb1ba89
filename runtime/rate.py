"""Events per minute: bubbles of an airlock, clicks of a counter."""

from collections import Counter
from collections.abc import Sequence

from stapes.runtime.listen import Update
from stapes.runtime.sinks.record import Record


class RateMeter:
    """Counts events window by window of the stream's clock; an event belongs to the window that it begins in.

    Gaps are taken off a window's length, and a window heard for less than half of it gives no rate.
    """

    def __init__(self, classes: Sequence[str], sample_rate_hz: int, window_s: float) -> None:
        self._classes, self._rate_hz = classes, sample_rate_hz
        self._window = int(window_s * sample_rate_hz)
        self._onsets: list[tuple[int, str]] = []
        self._heard: Counter[int] = Counter()  # samples by number of the window
        self._number = 0

    def rates(self, update: Update, records: Sequence[Record]) -> list[tuple[dict[str, float], int, int]]:
        """Return (events per minute by class, first sample, last sample) of each window that this update completed.

        A window is complete one window later, so that events which began in it have ended.
        """
        self._onsets += [(record.onset_sample, record.label) for record in records if record.kind == "event"]
        if update.gap is None:
            self._hear(update.start_sample, update.end_sample)
        done = []
        while update.end_sample >= (self._number + 2) * self._window:
            done += self._close_window()
        return done

    def _hear(self, start: int, end: int) -> None:
        while start < end:
            window = start // self._window
            stop = min(end, (window + 1) * self._window)
            self._heard[window] += stop - start
            start = stop

    def _close_window(self) -> list[tuple[dict[str, float], int, int]]:
        first, last = self._number * self._window, (self._number + 1) * self._window
        heard = self._heard.pop(self._number, 0)
        counts = Counter(label for onset, label in self._onsets if onset < last)
        self._onsets = [(onset, label) for onset, label in self._onsets if onset >= last]
        self._number += 1
        if heard < self._window / 2:
            return []
        minutes = heard / self._rate_hz / 60
        return [({label: counts[label] / minutes for label in self._classes}, first, last)]
