"""`--record DIR`: a clip with the sound of each event and near miss and of the time before and after it."""

import logging
import shutil
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from stapes.firmware_sim.errors import ConfigError, OutputError
from stapes.firmware_sim.outputs import DISK_IS_FULL
from stapes.runtime.detector import Detector
from stapes.runtime.live.announcing import announced_within_samples
from stapes.runtime.live.clip_files import Clip, write_clip
from stapes.runtime.live.listen import OpenEvents, Update
from stapes.runtime.live.log import Log, heard_unix_s
from stapes.runtime.live.near_misses import NearMisses
from stapes.runtime.live.sinks.record import Kind, Record
from stapes.runtime.live.source import Source

logger = logging.getLogger(__name__)

LONGEST_ROLL_S = 600
MOST_NEAR_MISS_STEPS = 40  # of sensitivity: ten logits
LONGEST_S = 60.0  # of a longer event only the end is kept
KEPT_FREE_BYTES = 64 << 20  # disk space left for the log of events, which matters more than clips
WARNING_EVERY_S = 60.0


@dataclass(frozen=True)
class ClipSettings:
    """Which clips are kept, and where."""

    folder: Path
    pre_roll_s: float = 1.0
    post_roll_s: float = 1.0
    near_miss_steps: int = 4  # a near miss is an event at a sensitivity that is so much higher; 0: none are kept
    near_misses_per_hour: int = 10  # at most, of each class

    def __post_init__(self) -> None:  # the comparisons are written so that they refuse nan, too
        rolls = self.pre_roll_s, self.post_roll_s
        if not all(0 <= roll <= LONGEST_ROLL_S for roll in rolls):
            raise ConfigError(f"--pre-roll {rolls[0]:g} --post-roll {rolls[1]:g}: both must be 0 to {LONGEST_ROLL_S} s")
        if not 0 <= self.near_miss_steps <= MOST_NEAR_MISS_STEPS:
            raise ConfigError(
                f"--near-misses {self.near_miss_steps}: need 0 (none) to {MOST_NEAR_MISS_STEPS} steps of sensitivity, "
                "of a quarter of a logit each"
            )
        if self.near_misses_per_hour < 1:
            raise ConfigError(
                f"--near-misses-per-hour {self.near_misses_per_hour}: must be at least 1; --near-misses 0 keeps none"
            )


class ClipRecorder:
    """A watcher of the live loop that writes a clip for each event, and for each near miss that is in none of those.

    Memory holds the audio of the last minute, the pre-roll, the post-roll and the time within which an event is
    announced. Gaps in a clip are silent. When the disk is nearly full or a clip cannot be written, a warning is logged
    at most once a minute, `dropped` counts the clip, and listening goes on. Raises OutputError when the folder cannot
    be made, unless that is for a full disk.
    """

    def __init__(self, settings: ClipSettings, detector: Detector, source: Source) -> None:
        self._settings, self._detector, self._source = settings, detector, source
        rate_hz = detector.sample_rate_hz
        self._before, self._after = int(settings.pre_roll_s * rate_hz), int(settings.post_roll_s * rate_hz)
        # A clip is cut once all that was heard in it is known.
        self._wait = min(announced_within_samples(detector.folder), int(LONGEST_S * rate_hz))
        self._longest = int(LONGEST_S * rate_hz) + self._before + self._after
        self._ring: deque[tuple[int, NDArray[np.int16]]] = deque()  # (first sample, PCM)
        self._waiting: deque[Record] = deque()
        self._heard: deque[Record] = deque()  # events and near misses that a clip may still overlap
        self._open = OpenEvents()
        self._near = NearMisses(detector, settings.near_miss_steps) if settings.near_miss_steps else None
        self._limit = _HourlyLimit(settings.near_misses_per_hour, 3600 * rate_hz)
        self._log = Log("", rate_hz)
        self._warned_s = float("-inf")
        self.dropped = 0
        try:
            settings.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if error.errno in DISK_IS_FULL:
                return  # it is made with the first clip
            raise OutputError(
                f"{settings.folder}: the folder for clips cannot be made ({error.strerror}); name another with --record"
            ) from error

    def update(self, update: Update, records: Sequence[Record]) -> None:
        """Keep the audio of the block, and write the clips of which all is known."""
        if len(update.pcm):
            self._ring.append((update.start_sample, update.pcm))
        events = [record for record in records if record.kind == "event"]
        near_misses = self._near_misses(update)
        self._limit.at(update.end_sample)
        self._heard.extend(events + near_misses)
        self._waiting.extend(events + near_misses)
        self._open.follow(update.events)
        # Before old sound is forgotten: behind a long gap, all that these clips hold is old.
        while self._waiting and self._waiting[0].offset_sample + self._after + self._wait <= update.end_sample:
            self._write(self._waiting.popleft())
        oldest = update.end_sample - self._longest - self._wait
        while self._ring and self._ring[0][0] + len(self._ring[0][1]) < oldest:
            self._ring.popleft()
        while self._heard and self._heard[0].offset_sample < oldest:
            self._heard.popleft()

    def close(self) -> None:
        """Write the clips that still wait, and say how many near misses have none."""
        while self._waiting:
            self._write(self._waiting.popleft())
        self._limit.close()

    def _near_misses(self, update: Update) -> list[Record]:
        if self._near is None:
            return []
        return self._log.near_misses(update, self._near.update(update), heard_unix_s(self._source))

    def _is_in_another_clip(self, near_miss: Record) -> bool:
        """Return whether the clip of an event, which is there or will be, holds the whole near miss."""
        clips = [self._span(each) for each in self._heard if each.kind == "event"]
        clips += [(onset - self._before, near_miss.offset_sample) for onset in self._open.values()]
        return any(first <= near_miss.onset_sample and near_miss.offset_sample <= last for first, last in clips)

    def _span(self, record: Record) -> tuple[int, int]:
        """Return the first sample of a record's clip, and the one behind its last."""
        last = record.offset_sample + self._after
        return max(0, record.onset_sample - self._before, last - self._longest), last

    def _write(self, record: Record) -> None:
        if record.kind == "near miss" and (self._is_in_another_clip(record) or not self._limit.allows(record.label)):
            return
        folder = self._settings.folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(folder).free < KEPT_FREE_BYTES:
                raise OSError(f"less than {KEPT_FREE_BYTES >> 20} MB free in {folder}")
            write_clip(folder, self._detector, self._cut(record))
        except (OSError, OutputError, soundfile.SoundFileError) as error:
            self.dropped += 1
            if time.monotonic() - self._warned_s > WARNING_EVERY_S:
                self._warned_s = time.monotonic()
                logger.warning(f"a clip was not written ({error}); make room on the disk; events are still logged")

    def _cut(self, record: Record) -> Clip:
        first, last = self._span(record)
        newest = self._ring[-1][0] + len(self._ring[-1][1]) if self._ring else first
        pcm = np.zeros(max(0, min(last, newest) - first), np.int16)
        for start, block in self._ring:
            begin, end = max(first, start), min(first + len(pcm), start + len(block))
            if begin < end:
                pcm[begin - first : end - first] = block[begin - start : end - start]
        last = first + len(pcm)
        heard = [each for each in self._heard if each.onset_sample < last and each.offset_sample > first]
        near = self._near.undecided if self._near else []
        going_on: dict[Kind, list[tuple[str, int]]] = {"event": [*self._open.items()], "near miss": near}
        for kind, found in going_on.items():
            at_end = replace(record, kind=kind, offset_sample=last, confidence=None)
            heard += [replace(at_end, label=label, onset_sample=onset) for label, onset in found if onset < last]
        return Clip(record, first, pcm, sorted(heard, key=lambda each: (each.onset_sample, each.label)))


class _HourlyLimit:
    """Lets a number of near misses of each class pass in each hour of the stream, and says how many it did not."""

    def __init__(self, per_hour: int, hour_samples: int) -> None:
        self._per_hour, self._hour_samples, self._hour = per_hour, hour_samples, 0
        self._counts: Counter[str] = Counter()

    def at(self, sample: int) -> None:
        """Begin a new hour when the stream's clock has reached it."""
        hour = sample // self._hour_samples
        if hour != self._hour:
            self.close()
            self._hour = hour

    def allows(self, label: str) -> bool:
        """Count a near miss of a class and return whether it gets a clip."""
        self._counts[label] += 1
        return self._counts[label] <= self._per_hour

    def close(self) -> None:
        """End the hour and log how many near misses had no clip."""
        over = {label: count - self._per_hour for label, count in self._counts.items() if count > self._per_hour}
        self._counts.clear()
        if over:
            counted = ", ".join(f"{count} of {label}" for label, count in sorted(over.items()))
            logger.info(
                f"near misses without a clip in this hour: {counted}; --near-misses-per-hour keeps {self._per_hour} of "
                "each class"
            )
