"""Passes every record to every sink, even when one of them fails."""

import logging
import time
from collections import deque
from collections.abc import Sequence

from stapes.runtime.live.sinks.record import Record, Sink

logger = logging.getLogger(__name__)

WARNING_EVERY_S = 60.0
HELD_RECORDS = 10_000  # kept for a failing sink, about 10 MB; later records are lost


class FanOut:
    """Passes records to all sinks. A failing sink is reported, then receives what it missed, in order."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = [_Holding(sink) for sink in sinks]

    def write(self, record: Record) -> None:
        """Pass the record to all sinks."""
        for sink in self._sinks:
            sink.write(record)

    def close(self) -> None:
        """Try once more to write the records that could not be written. The sinks stay open."""
        for sink in self._sinks:
            sink.close()


class _Holding:
    """Keeps the records that a sink failed to write, and passes them on before the next one."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self._held = sink, deque[Record]()
        self._warned_s = float("-inf")
        self._lost = 0

    def write(self, record: Record) -> None:
        if len(self._held) < HELD_RECORDS:
            self._held.append(record)
        else:
            self._lost += 1
        self._write_held()

    def close(self) -> None:
        self._write_held()
        if lost := self._lost + len(self._held):
            logger.warning(f"records that could not be written and are lost: {lost}")

    def _write_held(self) -> None:
        try:
            while self._held:
                self._sink.write(self._held[0])
                self._held.popleft()
        except BrokenPipeError:
            raise  # the program that reads stdout has ended, so nobody needs the log any more
        except OSError as error:
            if time.monotonic() - self._warned_s > WARNING_EVERY_S:
                self._warned_s = time.monotonic()
                logger.warning(
                    f"a record could not be written ({error}); it is kept and written later, and listening goes on"
                )
