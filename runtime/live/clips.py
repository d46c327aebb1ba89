"""`--record DIR`: a FLAC file with the sound of each event and of the time before and after it."""

import logging
import re
import shutil
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from stapes.firmware_sim.errors import OutputError
from stapes.firmware_sim.outputs import DISK_IS_FULL, new_file
from stapes.runtime.live.listen import Update
from stapes.runtime.live.sinks.record import Record

logger = logging.getLogger(__name__)

LONGEST_S = 60.0  # of a longer event only the end is kept
KEPT_FREE_BYTES = 64 << 20  # disk space left for the log of events, which matters more than clips
WARNING_EVERY_S = 60.0


def clip_name(record: Record) -> str:
    """Return the file name of an event's clip: UTC (or seconds, where it is not known), label and first sample.

    Everything in the label but letters, digits, `_` and `-` is replaced by `_`.
    """
    moment = re.sub(r"[-:]", "", record.utc) if record.utc else f"{record.onset:010.3f}s"
    return f"{moment}_{re.sub(r'[^A-Za-z0-9_-]+', '_', record.label)}_{record.onset_sample}.flac"


class ClipRecorder:
    """A watcher of the live loop that writes a FLAC file for each event.

    Memory holds the audio of the last minute, the pre-roll and the post-roll. Gaps in a clip are silent. When the disk
    is nearly full or a clip cannot be written, a warning is logged at most once a minute, `dropped` counts the clip,
    and listening goes on. Raises OutputError when the folder cannot be made, unless that is for a full disk.
    """

    def __init__(self, folder: Path, sample_rate_hz: int, pre_roll_s: float = 1.0, post_roll_s: float = 1.0) -> None:
        self.folder, self._rate_hz = folder, sample_rate_hz
        self._before, self._after = int(pre_roll_s * sample_rate_hz), int(post_roll_s * sample_rate_hz)
        self._keep = int(LONGEST_S * sample_rate_hz) + self._before + self._after
        self._ring: deque[tuple[int, NDArray[np.int16]]] = deque()  # (first sample, PCM)
        self._waiting: deque[Record] = deque()
        self._warned_s = float("-inf")
        self.dropped = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if error.errno in DISK_IS_FULL:
                return  # it is made with the first clip
            raise OutputError(
                f"{folder}: the folder for clips cannot be made ({error.strerror}); name another with --record"
            ) from error

    def update(self, update: Update, records: Sequence[Record]) -> None:
        """Keep the audio of the block, and write the clips whose post-roll is complete."""
        if len(update.pcm):
            self._ring.append((update.start_sample, update.pcm))
        self._waiting.extend(record for record in records if record.kind == "event")
        while self._ring and self._ring[0][0] + len(self._ring[0][1]) < update.end_sample - self._keep:
            self._ring.popleft()
        while self._waiting and self._waiting[0].offset_sample + self._after <= update.end_sample:
            self._write(self._waiting.popleft())

    def close(self) -> None:
        """Write the clips that still wait for their post-roll."""
        while self._waiting:
            self._write(self._waiting.popleft())

    def _write(self, record: Record) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(self.folder).free < KEPT_FREE_BYTES:
                raise OSError(f"less than {KEPT_FREE_BYTES >> 20} MB free in {self.folder}")
            with new_file(self.folder / clip_name(record)) as draft:
                soundfile.write(draft, self._cut(record), self._rate_hz, format="FLAC", subtype="PCM_16")
        except (OSError, OutputError, soundfile.SoundFileError) as error:
            self.dropped += 1
            if time.monotonic() - self._warned_s > WARNING_EVERY_S:
                self._warned_s = time.monotonic()
                logger.warning(f"a clip was not written ({error}); make room on the disk; events are still logged")

    def _cut(self, record: Record) -> NDArray[np.int16]:
        last = record.offset_sample + self._after
        first = max(0, record.onset_sample - self._before, last - self._keep)
        newest = self._ring[-1][0] + len(self._ring[-1][1]) if self._ring else first
        clip = np.zeros(max(0, min(last, newest) - first), np.int16)
        for start, pcm in self._ring:
            begin, end = max(first, start), min(first + len(clip), start + len(pcm))
            if begin < end:
                clip[begin - first : end - first] = pcm[begin - start : end - start]
        return clip
