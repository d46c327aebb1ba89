"""The recordings of a split as one array of samples on disk, with the times of their events in samples."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.errors import DatasetError, OutputError
from stapes.runtime.console import Progress
from stapes.runtime.labels import Annotation
from stapes.train.data.dataset import POINT_S, Recording

logger = logging.getLogger(__name__)

Events = NDArray[np.int64]  # [events, 3]: onset sample, offset sample, index of the class; sorted by onset
NO_CLASS = -1  # in place of the index of a class: a sound that is no event
BACKGROUND_SHARE_MAX = 0.5  # of what is drawn: recordings that are no part of the dataset do not drown it


@dataclass(frozen=True)
class Corpus:
    """The samples of all recordings, one after another: recording i is pcm[starts[i]:starts[i + 1]].

    Those from outside of the dataset come last.
    """

    pcm: NDArray[np.int16]
    starts: NDArray[np.int64]
    events: tuple[Events, ...]
    sample_rate_hz: int
    others: tuple[Events, ...] = ()  # of each recording, if any: sounds that are labelled as no event, of NO_CLASS
    n_outside: int = 0  # number of recordings that were declared free of events and are no part of the dataset
    point_classes: frozenset[int] = frozenset()  # all events of these classes are labelled as points

    def __len__(self) -> int:
        return len(self.events)

    def recording(self, index: int) -> NDArray[np.int16]:
        """Return the samples of a recording."""
        return self.pcm[self.starts[index] : self.starts[index + 1]]

    def no_events(self, index: int) -> Events:
        """Return the sounds of a recording that are labelled as no event; their class is NO_CLASS."""
        return self.others[index] if self.others else np.empty((0, 3), np.int64)

    def shares(self, recordings: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how often pieces are drawn: by length, and half of the time at most from outside of the dataset.

        `recordings` are the numbers of the recordings that the pieces belong to. The shares sum to 1.
        """
        shares = np.asarray(lengths / lengths.sum(), np.float64)
        outside = recordings >= len(self) - self.n_outside
        of_outside, of_dataset = shares[outside].sum(), shares[~outside].sum()
        if of_outside > BACKGROUND_SHARE_MAX and of_dataset > 0:
            shares[outside] *= BACKGROUND_SHARE_MAX / of_outside
            shares[~outside] *= (1 - BACKGROUND_SHARE_MAX) / of_dataset
        return shares


def load_corpus(
    split: str,
    recordings: Sequence[Recording],
    classes: Sequence[str],
    rate_hz: int,
    file: Path,
    background: Sequence[Recording] = (),
) -> Corpus:
    """Convert the recordings of the split `split` to `rate_hz`, write them to `file` and map that file into memory.

    `background` are recordings from outside of the dataset that are free of events. The file is mapped because a
    dataset may be larger than memory. Raises AudioError for a recording that cannot be read, DatasetError when all
    recordings, or all of a group of the background, are digital silence, and OutputError when `file` cannot be written.
    """
    everything = [*recordings, *background]
    progress = Progress(f"reading {split}", len(everything))
    lengths, silent = [], []
    try:
        with file.open("wb") as stream:
            for recording in everything:
                length, loudest = _copy(recording, rate_hz, stream)
                lengths.append(length)
                silent += [recording] if not loudest else []
                progress.advance()
    except OSError as error:
        raise OutputError(f"{file}: cannot be written: {error.strerror}; make room and run again") from error
    _require_sound(split, recordings, background, silent)
    progress.close(f"{len(everything)} recordings, {sum(lengths) / rate_hz / 60:.1f} minutes")
    if silent:
        logger.warning(f"{silent[0].path}: all samples are zero ({len(silent)} such in {split})")
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Corpus(
        pcm=np.memmap(file, np.int16, mode="r", shape=(int(starts[-1]),)),
        starts=starts,
        events=tuple(event_samples(each.annotations, classes, rate_hz) for each in everything),
        sample_rate_hz=rate_hz,
        others=tuple(event_samples(each.ignored, None, rate_hz) for each in everything),
        n_outside=len(background),
        point_classes=_point_classes(recordings, classes),
    )


def _point_classes(recordings: Sequence[Recording], classes: Sequence[str]) -> frozenset[int]:
    events = [event for recording in recordings for event in recording.annotations]
    points = {event.label for event in events} - {event.label for event in events if event.offset > event.onset}
    return frozenset(index for index, label in enumerate(classes) if label in points)


def _require_sound(
    split: str, recordings: Sequence[Recording], background: Sequence[Recording], silent: Sequence[Recording]
) -> None:
    """Raise DatasetError when the dataset's recordings, or those of a group of the background, are all silent."""
    parts = [(list(recordings), f"every recording of {split}")]
    for group in sorted({each.group for each in background}):
        parts.append(([each for each in background if each.group == group], f"every recording of {group}"))
    for part, name in parts:
        if part and all(each in silent for each in part):
            raise DatasetError(
                f"{part[0].path}: all samples are zero, as in {name}; "
                "nothing can be learned from digital silence: record again, or check how the files were exported"
            )


def _copy(recording: Recording, rate_hz: int, stream: BinaryIO) -> tuple[int, int]:
    """Append the samples of a recording, converted to `rate_hz`; return their number and their largest magnitude."""
    length, loudest = 0, 0
    for block in recording.audio(rate_hz).blocks():
        stream.write(block.tobytes())
        length += len(block)
        loudest = max(loudest, int(np.abs(block.astype(np.int32)).max(initial=0)))
    return length, loudest


def event_samples(annotations: Sequence[Annotation], classes: Sequence[str] | None, rate_hz: int) -> Events:
    """Return the times of events in samples; point labels are given the length POINT_S.

    Without `classes` they are sounds that are no events, of NO_CLASS.
    """
    rows = [
        (
            each.onset,
            each.offset if each.offset > each.onset else each.onset + POINT_S,
            NO_CLASS if classes is None else classes.index(each.label),
        )
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
