"""`--heartbeat FILE`: a file whose time of change says when sound was heard for the last time."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from stapes.firmware_sim.errors import OutputError
from stapes.runtime.live.listen import Update
from stapes.runtime.live.sinks.record import Record

logger = logging.getLogger(__name__)

EVERY_S = 1.0
WARNING_EVERY_S = 60.0


class Heartbeat:
    """A watcher of the live loop that touches a file once a second while sound is heard.

    Gaps are no sound: the file grows old when the microphone is gone, the stream stalls or the program hangs. The empty
    file of an earlier run is removed at the start. Raises OutputError when the path is anything else that exists, or
    when no file can be made there. When the file cannot be touched later, a warning is logged at most once a minute,
    and listening goes on.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._touched_s, self._warned_s = path, float("-inf"), float("-inf")
        try:
            path.touch()
            if not path.is_file() or path.stat().st_size > 0:
                raise OutputError(f"{path}: a heartbeat is an empty file, and this is none; name another --heartbeat")
            path.unlink()
        except OSError as error:
            raise OutputError(
                f"{path}: cannot be written ({error.strerror}); name another file with --heartbeat"
            ) from error

    def update(self, update: Update, records: Sequence[Record]) -> None:
        """Touch the file when the block holds sound and the last time is a second ago."""
        now_s = time.monotonic()
        if update.gap is not None or not len(update.pcm) or now_s - self._touched_s < EVERY_S:
            return
        self._touched_s = now_s
        try:
            self._path.touch()
        except OSError as error:
            if now_s - self._warned_s >= WARNING_EVERY_S:
                self._warned_s = now_s
                logger.warning(f"{self._path}: the heartbeat was not written ({error.strerror}); listening goes on")

    def close(self) -> None:
        """Leave the file as it is: it grows old."""
