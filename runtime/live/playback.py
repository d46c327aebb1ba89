"""A recording that is given as stdin, `stapes listen DETECTOR - < hall.flac`: read as `stapes detect` reads it."""

import logging
from collections.abc import Callable
from pathlib import Path

from stapes.runtime.audio import AudioFile
from stapes.runtime.live.pace import Pace
from stapes.runtime.live.source import Block, Gap

logger = logging.getLogger(__name__)

BLOCK_S = 0.1


class Playback:
    """A source that gives the samples of a recording, as fast as they are read unless `pace` says otherwise.

    Raises AudioError when it cannot be read.
    """

    def __init__(self, path: Path, stopped: Callable[[], bool], pace: Pace) -> None:
        file = AudioFile(path, 1)  # the rate does not matter here
        self.name, self.lag_s, self.dropped_s = "stdin", 0.0, 0.0
        self.rate_hz, self.channels, self._duration_s = file.source_rate_hz, file.channels, file.duration_s
        self._stopped, self._pace = stopped, pace
        self._blocks = file.samples(max(1, int(file.source_rate_hz * BLOCK_S)))

    @property
    def is_live(self) -> bool:
        """Whether the recording is played as slowly as it sounds."""
        return self._pace.is_live

    def read(self, timeout_s: float) -> Block | Gap | None:
        """Return the next block; None at the end."""
        del timeout_s  # a file never makes wait
        block = next(self._blocks, None)
        if block is None:
            logger.info(f"stdin ended after {self._duration_s:.1f} s")
        else:
            self._pace.heard(len(block) / self.rate_hz, False, self._stopped)
        return block

    def close(self) -> None:
        """Close the file."""
        self._blocks.close()
