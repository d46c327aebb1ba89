"""A microphone that may be lost: it is watched, closed when it is lost, and opened again after growing pauses."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np

from stapes.firmware_sim.errors import AudioError
from stapes.runtime.live.microphone import Microphone
from stapes.runtime.live.pulse import recording_source
from stapes.runtime.live.source import Block, Gap

logger = logging.getLogger(__name__)

NO_DATA_S = 2.0  # a microphone is lost when it delivers no audio for so long
IDENTITY_S = 5.0  # how often the sound server is asked from which microphone the audio comes
NEW_IDENTITY_S, NEW_ASKED = 0.5, 5  # while it does not know a new stream: how often, and how many times
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0  # pauses between attempts to open the microphone again


class Reconnecting:
    """A source that continues after its microphone was lost.

    PortAudio shows the loss of a device in three ways: no more data, a stream that is not active, or an OSError. Each
    leads to a gap of length 0, which completes open events, and, once the microphone is back, to a gap as long as it
    was away. PortAudio does not show that a sound server moved the stream to another microphone; therefore `identity`
    is called every few seconds. A move is a gap as long as the block that it replaces.
    """

    is_live = True

    def __init__(
        self,
        connect: Callable[[], Microphone],
        now_s: Callable[[], float] = time.monotonic,
        identity: Callable[[], str | None] = recording_source,
    ) -> None:
        self._connect, self._now_s, self._identity = connect, now_s, identity
        self._microphone: Microphone | None = connect()
        self.name, self.rate_hz = self._microphone.name, self._microphone.rate_hz
        self._heard_at_s = now_s()
        self._next_try_s, self._wait_s = 0.0, FIRST_WAIT_S
        self._records_from, self._asked_at_s, self._asked = identity(), now_s(), 0
        self.reconnections, self._dropped_before_s = 0, 0.0

    @property
    def lag_s(self) -> float:
        """Seconds by which reading is behind the sound; without a microphone, how long ago it was heard last."""
        return self._microphone.lag_s if self._microphone else self._now_s() - self._heard_at_s

    @property
    def dropped_s(self) -> float:
        """Seconds of audio, over all connections, that were dropped because reading was too slow or never arrived."""
        return self._dropped_before_s + (self._microphone.dropped_s if self._microphone else 0.0)

    def read(self, timeout_s: float) -> Block | Gap | None:
        """Return the next block or gap, or an empty block when none came for `timeout_s` seconds; never None."""
        if self._microphone is None:
            return self._try_again(timeout_s)
        try:
            item = self._microphone.read(timeout_s)
            active = self._microphone.active
        except OSError as error:
            return self._lose(self._microphone, str(error))
        if isinstance(item, Gap) or len(item):
            self._heard_at_s = self._now_s()
            return self._moved(item) or item
        if not active:
            return self._lose(self._microphone, "the stream has stopped")
        if self._now_s() - self._heard_at_s > NO_DATA_S:
            return self._lose(self._microphone, f"no audio for {NO_DATA_S:g} s")
        return item

    def close(self) -> None:
        """Close the microphone, if there is one."""
        if self._microphone is not None:
            self._microphone.close()

    def _moved(self, item: Block | Gap) -> Gap | None:
        """Ask every few seconds where the audio comes from. When that changed, return a gap that replaces `item`."""
        # The server knows a new stream only after a moment, so the first few questions follow quickly.
        new = self._records_from is None and self._asked < NEW_ASKED
        if self._now_s() - self._asked_at_s < (NEW_IDENTITY_S if new else IDENTITY_S):
            return None
        self._asked_at_s, self._asked = self._now_s(), self._asked + 1
        before, self._records_from = self._records_from, self._identity() or self._records_from
        if before is None or self._records_from == before:
            return None
        logger.warning(f"the sound server moved the recording from {before!r} to {self._records_from!r}")
        lost = item.lost_frames if isinstance(item, Gap) else len(item)
        return Gap(lost, self.rate_hz, f"moved from {before} to {self._records_from}")

    def _lose(self, microphone: Microphone, reason: str) -> Gap:
        logger.warning(f"microphone {self.name!r} lost ({reason}); trying to open it again")
        self._dropped_before_s += microphone.dropped_s
        with suppress(OSError):
            microphone.close()
        self._microphone, self._wait_s = None, FIRST_WAIT_S
        self._next_try_s = self._now_s() + self._wait_s
        return Gap(0, self.rate_hz, f"microphone lost: {reason}")

    def _try_again(self, timeout_s: float) -> Block | Gap:
        if self._now_s() < self._next_try_s:
            time.sleep(min(timeout_s, max(0.0, self._next_try_s - self._now_s())))
            return np.zeros((0, 1), np.float32)
        try:
            self._microphone = self._connect()
        except (AudioError, OSError):  # PortAudio itself raises OSError while the sound server starts
            self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)
            self._next_try_s = self._now_s() + self._wait_s
            return np.zeros((0, 1), np.float32)
        away_s = self._now_s() - self._heard_at_s
        self._heard_at_s = self._now_s()
        self.reconnections += 1
        self.name, self.rate_hz = self._microphone.name, self._microphone.rate_hz
        self._records_from, self._asked = self._identity(), 0
        logger.warning(f"microphone {self.name!r} is back after {away_s:.1f} s")
        return Gap(round(away_s * self.rate_hz), self.rate_hz, "microphone away")
