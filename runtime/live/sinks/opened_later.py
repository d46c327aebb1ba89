"""Opens a sink as soon as its disk has room."""

import logging
from collections.abc import Callable

from stapes.runtime.live.sinks.record import FullDiskError, Record, Sink

logger = logging.getLogger(__name__)


def open_now_or_later(open_sink: Callable[[], Sink]) -> Sink:
    """Return what `open_sink` opens; if the disk is full, a sink that tries again at every record."""
    try:
        return open_sink()
    except FullDiskError as error:
        logger.warning(f"{error}; make room: records are kept until then, and the other outputs work")
        return _OpenedLater(open_sink)


class _OpenedLater:
    def __init__(self, open_sink: Callable[[], Sink]) -> None:
        self._open = open_sink
        self._sink: Sink | None = None

    def write(self, record: Record) -> None:
        """Open the sink, unless it is open, and write the record. Raises OSError while the disk is full."""
        self._sink = self._sink or self._open()
        self._sink.write(record)

    def close(self) -> None:
        """Close the sink if it was opened."""
        if self._sink is not None:
            self._sink.close()
