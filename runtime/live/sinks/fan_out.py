"""Every record to every sink, whatever happens to one of them."""

import logging
import time
from collections import deque
from collections.abc import Sequence

from stapes.runtime.live.sinks.record import Record, Sink

logger = logging.getLogger(__name__)

COMPLAINT_EVERY_S = 60.0
HELD_RECORDS = 10_000  # for a sink that cannot write; some 10 MB


class FanOut:
    """Hands records to all sinks. One that cannot write is said, and is given what it missed, in order, later."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = [_Holding(sink) for sink in sinks]

    def write(self, record: Record) -> None:
        """Hand the record to all of them."""
        for sink in self._sinks:
            sink.write(record)

    def close(self) -> None:
        """Try for the last time what could not be written. The sinks themselves stay open."""
        for sink in self._sinks:
            sink.close()


class _Holding:
    def __init__(self, sink: Sink) -> None:
        self._sink, self._held = sink, deque[Record]()
        self._complained_s = float("-inf")
        self._lost = 0

    def write(self, record: Record) -> None:
        if len(self._held) < HELD_RECORDS:
            self._held.append(record)
        else:
            self._lost += 1
        self._hand_over()

    def close(self) -> None:
        self._hand_over()
        if lost := self._lost + len(self._held):
            logger.warning(f"records that could not be written and are lost: {lost}")

    def _hand_over(self) -> None:
        try:
            while self._held:
                self._sink.write(self._held[0])
                self._held.popleft()
        except BrokenPipeError:
            raise  # whoever read stdout has gone: nobody is left to log for
        except OSError as error:
            if time.monotonic() - self._complained_s > COMPLAINT_EVERY_S:
                self._complained_s = time.monotonic()
                logger.warning(f"a record could not be written ({error}); it is kept to try again, listening goes on")
