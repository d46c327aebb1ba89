"""Sources of live audio, and the treatment of audio that arrives too fast, too late or not at all.

A source is read by one thread and filled by another (PortAudio's). Between them is a `BlockQueue` of limited length.
When it is full, the newest samples are dropped and counted, as on the device, and the reader gets a `Gap` instead.
"""

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Gap:
    """Audio that never reached the reader. The stream's clock advances by `lost_frames`."""

    lost_frames: int  # at rate_hz
    rate_hz: int
    reason: str


Block = NDArray[np.float32]  # [frames, channels], full scale 1.0


class Source(Protocol):
    """A live input, whose `read` is called until it returns None."""

    name: str
    rate_hz: int

    @property
    def is_live(self) -> bool:
        """Whether the sound is heard as it happens; else, as with a recording, the clock does not say when it was."""

    @property
    def lag_s(self) -> float:
        """Seconds by which reading is behind the sound; lost sound counts until `read` has returned its gap."""

    @property
    def dropped_s(self) -> float:
        """Seconds of audio that were dropped because reading was too slow."""

    def read(self, timeout_s: float) -> Block | Gap | None:
        """Return the next block or gap; an empty block when none came for `timeout_s` seconds; None at the end."""

    def close(self) -> None:
        """Release the device."""


class ClockWatch:
    """Finds lost audio that nobody reports, by comparing the number of samples with the clock.

    PulseAudio does not report dropped samples. It may deliver late and catch up, and the clock of a sound card may be
    off by some 0.02 %, so neither a brief shortfall nor a slow drift means that audio was lost. Therefore the smallest
    shortfall of each window counts as missing, and an increase of more than `JUMP_S` between two windows is a loss.
    """

    WINDOW_S = 5.0
    JUMP_S = 0.1

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._started: float | None = None
        self._received = 0
        self._window_ends = self._smallest = 0.0
        self._known: float | None = None
        self.shortfall_s = 0.0  # how far delivery is behind the clock at this moment

    def received(self, frames: int, now_s: float) -> int:
        """Count frames that arrived at `now_s` (monotonic clock); return the number found to be lost, usually 0."""
        if self._started is None:
            self._started = now_s - frames / self._rate_hz
            self._open_window(now_s)
        self._received += frames
        shortfall = now_s - self._started - self._received / self._rate_hz
        self._smallest = min(self._smallest, shortfall)
        self.shortfall_s = shortfall - (self._known or 0.0)
        if now_s < self._window_ends:
            return 0
        jump = 0.0 if self._known is None else self._smallest - self._known
        self._known = self._smallest
        self.shortfall_s = shortfall - self._known  # what is known to be lost is not late
        self._open_window(now_s)
        return round(jump * self._rate_hz) if jump > self.JUMP_S else 0

    def _open_window(self, now_s: float) -> None:
        self._window_ends, self._smallest = now_s + self.WINDOW_S, float("inf")


class BlockQueue:
    """Passes blocks from a thread that must never wait (`put`) to one that may (`get`)."""

    def __init__(self, rate_hz: int, limit_s: float) -> None:
        self._rate_hz, self._limit_frames = rate_hz, int(limit_s * rate_hz)
        self._items: deque[Block | Gap] = deque()
        self._changed = threading.Condition()
        self._watch = ClockWatch(rate_hz)
        self._lost, self._reason, self._dropping = 0, "", False
        self.queued_frames = 0
        self.untold_frames = 0  # lost ones, of which the reader has not got the gap yet
        self.dropped_frames = 0  # because the reader was too slow
        self.missing_frames = 0  # because they were never delivered

    @property
    def shortfall_s(self) -> float:
        """Seconds by which delivery is behind the clock at this moment."""
        return self._watch.shortfall_s

    def put(self, block: Block, now_s: float | None = None) -> None:
        """Queue a block, or drop it when the reader is too far behind; never wait for the reader."""
        now_s = time.monotonic() if now_s is None else now_s
        with self._changed:
            missing = self._watch.received(len(block), now_s)
            if missing:
                self.missing_frames += missing
                self._lose(missing, "never delivered")
            # Dropping goes on until half of the queue is read, so that one slow period makes one gap and not hundreds.
            self._dropping = self.queued_frames + len(block) > self._limit_frames // (2 if self._dropping else 1)
            if self._dropping:
                self.dropped_frames += len(block)
                self._lose(len(block), "overrun")
                return
            if self._lost:
                self._items.append(Gap(self._lost, self._rate_hz, self._reason))
                self._lost = 0
            self._items.append(block)
            self.queued_frames += len(block)
            self._changed.notify()

    def get(self, timeout_s: float) -> Block | Gap:
        """Return the oldest block or gap, or an empty block when none came for `timeout_s` seconds."""
        with self._changed:
            if not self._items:
                self._changed.wait(timeout_s)
            if not self._items:
                return np.zeros((0, 1), np.float32)
            item = self._items.popleft()
            if isinstance(item, Gap):
                self.untold_frames -= item.lost_frames
            else:
                self.queued_frames -= len(item)
            return item

    def _lose(self, frames: int, reason: str) -> None:
        self._lost += frames
        self.untold_frames += frames
        self._reason = reason
