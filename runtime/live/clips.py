"""`--record DIR`: the sound of each event, with what came before and after it."""

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
from stapes.firmware_sim.outputs import new_file
from stapes.runtime.live.listen import Update
from stapes.runtime.live.sinks.record import Record

logger = logging.getLogger(__name__)

LONGEST_S = 60.0  # of an event that goes on for longer, the end is kept
KEPT_FREE_BYTES = 64 << 20  # clips give way before the disk is full: events need little, and more urgently
COMPLAINT_EVERY_S = 60.0


def clip_name(record: Record) -> str:
    """File name of an event's clip: when, what, where on the stream's clock.

    The label is part of it with everything but letters, digits, `_`, `-` replaced.
    """
    moment = re.sub(r"[-:]", "", record.utc)
    return f"{moment}_{re.sub(r'[^A-Za-z0-9_-]+', '_', record.label)}_{record.onset_sample}.flac"


class ClipRecorder:
    """Writes a FLAC file per event; a watcher of the live loop.

    Memory holds the last minute and the rolls. A gap inside a clip is silence. When the disk is nearly full, or a clip
    cannot be written, that is said now and then, counted in `dropped`, and listening goes on.
    """

    def __init__(self, folder: Path, sample_rate_hz: int, pre_roll_s: float = 1.0, post_roll_s: float = 1.0) -> None:
        self.folder, self._rate_hz = folder, sample_rate_hz
        self._before, self._after = int(pre_roll_s * sample_rate_hz), int(post_roll_s * sample_rate_hz)
        self._keep = int(LONGEST_S * sample_rate_hz) + self._before + self._after
        self._ring: deque[tuple[int, NDArray[np.int16]]] = deque()  # (first sample, PCM)
        self._waiting: deque[Record] = deque()
        self._complained_s = float("-inf")
        self.dropped = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder}: clips cannot be kept there ({error.strerror})") from error

    def update(self, update: Update, records: Sequence[Record]) -> None:
        """Keep the block's audio, and write the clips whose post-roll is complete."""
        if len(update.pcm):
            self._ring.append((update.start_sample, update.pcm))
        self._waiting.extend(record for record in records if record.kind == "event")
        while self._ring and self._ring[0][0] + len(self._ring[0][1]) < update.end_sample - self._keep:
            self._ring.popleft()
        while self._waiting and self._waiting[0].offset_sample + self._after <= update.end_sample:
            self._write(self._waiting.popleft())

    def close(self) -> None:
        """Write the clips that still waited for their post-roll."""
        while self._waiting:
            self._write(self._waiting.popleft())

    def _write(self, record: Record) -> None:
        try:
            if shutil.disk_usage(self.folder).free < KEPT_FREE_BYTES:
                raise OSError(f"less than {KEPT_FREE_BYTES >> 20} MB free in {self.folder}")
            with new_file(self.folder / clip_name(record)) as draft:
                soundfile.write(draft, self._cut(record), self._rate_hz, format="FLAC", subtype="PCM_16")
        except (OSError, OutputError, soundfile.SoundFileError) as error:
            self.dropped += 1
            if time.monotonic() - self._complained_s > COMPLAINT_EVERY_S:
                self._complained_s = time.monotonic()
                logger.warning(f"a clip was not kept ({error}); events are still logged")

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
