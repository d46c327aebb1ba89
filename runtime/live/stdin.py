"""What stdin is: a recording (`< hall.flac`), or a pipe into which another program writes."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from stapes.runtime.audio.kinds import SNIFFED, kind_of
from stapes.runtime.live.pace import Pace
from stapes.runtime.live.pipe import Pipe, RawPcm
from stapes.runtime.live.playback import Playback


def open_stdin(descriptor: int, raw: RawPcm, is_paced: bool, stopped: Callable[[], bool]) -> Pipe | Playback:
    """Return the source that a descriptor gives. Raises AudioError and ConfigError as Pipe and Playback do."""
    is_file = stat.S_ISREG(os.fstat(descriptor).st_mode) and os.lseek(descriptor, 0, os.SEEK_CUR) == 0
    if is_file and kind_of(os.pread(descriptor, SNIFFED, 0)):
        return Playback(
            Path("/dev/stdin" if descriptor == 0 else f"/dev/fd/{descriptor}"), stopped, Pace(is_paced, is_file=True)
        )
    return Pipe(descriptor, raw, stopped, Pace(is_paced, is_file))
