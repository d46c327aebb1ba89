"""Events per minute, such as the bubbles of an airlock or the clicks of a counter."""

from collections import Counter
from dataclasses import dataclass

from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.runtime.live.announcing import announced_within_samples
from stapes.runtime.live.listen import Update


@dataclass(frozen=True)
class RateWindow:
    """The rates of one window of the stream's clock."""

    per_minute: dict[str, float]  # label -> events per minute of audio received
    onset_sample: int
    offset_sample: int


class RateMeter:
    """Counts events in windows of the stream's clock. An event belongs to the window in which it begins.

    A window is returned as soon as no event that began in it can still be announced. Gaps do not count as time, and a
    window of which less than half was received gives no rate.
    """

    def __init__(self, folder: DetectorFolder, window_s: float) -> None:
        self._classes, clock = folder.classes, folder.clock
        self._rate_hz, self._window = clock.sample_rate_hz, int(window_s * clock.sample_rate_hz)
        self._late = announced_within_samples(folder)
        self._onsets: list[tuple[int, str]] = []
        self._heard: Counter[int] = Counter()  # number of the window -> samples heard
        self._number = 0

    def update(self, update: Update) -> list[RateWindow]:
        """Take one block and return the windows that it completed."""
        self._onsets += [(event.onset_sample, event.label) for event in update.events if event.offset_sample is None]
        if update.gap is None:
            self._hear(update.start_sample, update.end_sample)
        done = []
        while update.end_sample >= (self._number + 1) * self._window + self._late:
            done += self._close_window((self._number + 1) * self._window)
        return done

    def finish(self, end_sample: int) -> list[RateWindow]:
        """Return the remaining windows when the stream has ended at `end_sample`; the last one may be shorter."""
        done = []
        while self._number * self._window < end_sample:
            done += self._close_window(min(end_sample, (self._number + 1) * self._window))
        return done

    def _hear(self, start: int, end: int) -> None:
        while start < end:
            window = start // self._window
            stop = min(end, (window + 1) * self._window)
            self._heard[window] += stop - start
            start = stop

    def _close_window(self, last: int) -> list[RateWindow]:
        first, heard = self._number * self._window, self._heard.pop(self._number, 0)
        counts = Counter(label for onset, label in self._onsets if onset < last)
        self._onsets = [(onset, label) for onset, label in self._onsets if onset >= last]
        self._number += 1
        if heard < self._window / 2:
            return []
        minutes = heard / self._rate_hz / 60
        return [RateWindow({label: counts[label] / minutes for label in self._classes}, first, last)]
