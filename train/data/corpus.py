"""The recordings of a split as one array of samples on disk, with the times of their events in samples."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.errors import DatasetError, OutputError
from stapes.runtime.audio import AudioFile
from stapes.runtime.console import Progress
from stapes.runtime.labels import Annotation
from stapes.train.data.dataset import POINT_S, Recording

logger = logging.getLogger(__name__)

Events = NDArray[np.int64]  # [events, 3]: onset sample, offset sample, index of the class; sorted by onset


@dataclass(frozen=True)
class Corpus:
    """The samples of all recordings, one after another: recording i is pcm[starts[i]:starts[i + 1]]."""

    pcm: NDArray[np.int16]
    starts: NDArray[np.int64]
    events: tuple[Events, ...]
    sample_rate_hz: int

    def __len__(self) -> int:
        return len(self.events)

    def recording(self, index: int) -> NDArray[np.int16]:
        """Return the samples of a recording."""
        return self.pcm[self.starts[index] : self.starts[index + 1]]


def load_corpus(
    split: str, recordings: Sequence[Recording], classes: Sequence[str], rate_hz: int, file: Path
) -> Corpus:
    """Convert the recordings of the split `split` to `rate_hz`, write them to `file` and map that file into memory.

    The file is mapped because a dataset may be larger than memory. Raises AudioError for a recording that cannot be
    read, DatasetError when all recordings are digital silence, and OutputError when `file` cannot be written.
    """
    progress = Progress(f"reading {split}", len(recordings))
    lengths, silent = [], []
    try:
        with file.open("wb") as stream:
            for recording in recordings:
                length, loudest = _copy(recording.path, rate_hz, stream)
                lengths.append(length)
                silent += [recording.path] if not loudest else []
                progress.advance()
    except OSError as error:
        raise OutputError(f"{file}: cannot be written: {error.strerror}; make room and run again") from error
    if len(silent) == len(recordings):
        raise DatasetError(
            f"{silent[0]}: all samples are zero, as in every recording of {split}; "
            "nothing can be learned from digital silence: record again, or check how the files were exported"
        )
    progress.close(f"{len(recordings)} recordings, {sum(lengths) / rate_hz / 60:.1f} minutes")
    if silent:
        logger.warning(f"{silent[0]}: all samples are zero ({len(silent)} such in {split})")
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    pcm = np.memmap(file, np.int16, mode="r", shape=(int(starts[-1]),))
    return Corpus(pcm, starts, tuple(event_samples(each.annotations, classes, rate_hz) for each in recordings), rate_hz)


def _copy(path: Path, rate_hz: int, stream: BinaryIO) -> tuple[int, int]:
    """Append the samples of a recording, converted to `rate_hz`; return their number and their largest magnitude."""
    length, loudest = 0, 0
    for block in AudioFile(path, rate_hz).blocks():
        stream.write(block.tobytes())
        length += len(block)
        loudest = max(loudest, int(np.abs(block.astype(np.int32)).max(initial=0)))
    return length, loudest


def event_samples(annotations: Sequence[Annotation], classes: Sequence[str], rate_hz: int) -> Events:
    """Return the times of events in samples; point labels are given the length POINT_S."""
    rows = [
        (each.onset, each.offset if each.offset > each.onset else each.onset + POINT_S, classes.index(each.label))
        for each in annotations
    ]
    times = np.array(sorted(rows), np.float64).reshape(-1, 3)
    return np.rint(times * [rate_hz, rate_hz, 1]).astype(np.int64)


def event_free(events: Events, length: int, margin: int) -> list[tuple[int, int]]:
    """Return the stretches [first, after last) in samples that keep a distance of `margin` samples from all events.

    `length` is that of the recording in samples.
    """
    stretches, free_from = [], 0
    for onset, offset, _ in events:
        if onset - margin > free_from:
            stretches.append((free_from, int(onset) - margin))
        free_from = max(free_from, int(offset) + margin)
    if length > free_from:
        stretches.append((free_from, length))
    return stretches
