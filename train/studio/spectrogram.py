"""Spectrograms of recordings as tiles, made by the frontend of the detector: also of recordings that last for hours.

A tile is uint8[bands, TILE_COLUMNS], 0 = quiet. At level 0 a column is a frame; at level L it is the maximum of 2^L
frames. Tiles up to FINE_LEVEL are computed when they are asked for, from the stretch of sound that they show. Coarser
ones are made of an overview, for which a recording is read once, in the background; overviews are kept on disk.
"""

import logging
import math
import os
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.frontend import Frontend
from stapes.firmware_sim.errors import AudioError, StapesError
from stapes.firmware_sim.outputs import new_file
from stapes.runtime.audio import AudioFile
from stapes.train.data.content import content_id

TILE_COLUMNS = 512
FINE_LEVEL = 4
OVERVIEW_FRAMES = 1 << (FINE_LEVEL + 1)  # of a column of an overview
COARSEST_LEVEL = 24
MOST_ON_DISK = 256 << 20  # bytes of overviews, about 1 MB for three hours
MOST_IN_MEMORY = 64 << 20  # bytes of overviews
_RESAMPLING_S = 0.1  # what a resampler needs on both sides of an excerpt
_QUIET = -128  # as a feature

logger = logging.getLogger(__name__)
Int8s = NDArray[np.int8]


@dataclass(frozen=True)
class Tile:
    """Part of a spectrogram. `columns`: how many of the TILE_COLUMNS lie within the recording."""

    values: NDArray[np.uint8]  # [bands, TILE_COLUMNS]
    columns: int


@dataclass(frozen=True)
class Unfinished:
    """What is shown of a tile while the recording is being read: the share that is done, 0 to 1."""

    progress: float


@dataclass(frozen=True)
class _Version:
    """What a tile depends on."""

    path: Path
    changed_ns: int
    size: int
    frontend: str
    channel: int | None


def features_between(recording: AudioFile, frontend: Frontend, first: int, last: int) -> Int8s:
    """Return int8[frames, bands] of the frames from `first` to before `last`, or to the end of the recording.

    They are those of the whole recording: only what is read around them is less. Raises AudioError.
    """
    config = frontend.config
    begin, end = first * config.hop_samples, first * config.hop_samples + config.samples_of(last - first)
    from_s = max(0, math.floor(begin / config.sample_rate_hz - _RESAMPLING_S))  # whole seconds: no fraction of a sample
    pcm = recording.excerpt(from_s, min(end / config.sample_rate_hz + _RESAMPLING_S, recording.duration_s))
    skipped = begin - from_s * config.sample_rate_hz
    pcm = pcm[skipped : skipped + end - begin]
    if len(pcm) < config.window_samples:
        return np.zeros((0, config.n_bands), np.int8)
    return frontend.features(np.ascontiguousarray(pcm))


def tile_of(features: Int8s, frames: int) -> Tile:
    """Return a tile whose columns are the maximum of `frames` features each; what is missing at its end is quiet."""
    columns = min(TILE_COLUMNS, -(-len(features) // frames))
    padded = np.full((TILE_COLUMNS * frames, features.shape[1]), _QUIET, np.int8)
    padded[: len(features)] = features[: len(padded)]
    highest = padded.reshape(TILE_COLUMNS, frames, -1).max(axis=1)
    return Tile(np.ascontiguousarray((highest.astype(np.int16) - _QUIET).astype(np.uint8).T), columns)


def overview_blocks(recording: AudioFile, frontend: Frontend) -> Iterator[Int8s]:
    """Yield int8[columns, bands], the maximum of OVERVIEW_FRAMES frames each, block by block. Raises AudioError."""
    config = frontend.config
    samples = np.zeros(0, np.int16)
    stretch = OVERVIEW_FRAMES * config.hop_samples
    for block in recording.blocks():
        samples = np.concatenate([samples, block])
        columns = max(0, len(samples) - config.window_samples + config.hop_samples) // stretch
        if columns:
            features = frontend.features(samples[: config.samples_of(columns * OVERVIEW_FRAMES)])
            yield features.reshape(columns, OVERVIEW_FRAMES, -1).max(axis=1)
            samples = samples[columns * stretch :]
    if len(samples) >= config.window_samples:
        yield frontend.features(samples).max(axis=0, keepdims=True)


class Spectrograms:
    """The tiles of recordings. Any thread may ask; one thread of its own makes overviews, the last asked for first."""

    def __init__(self, cache: Path | None = None) -> None:
        """`cache`: the folder of overviews; by default that of stapes in the user's cache."""
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self._cache = cache or base / "stapes" / "overviews"
        self._overviews: OrderedDict[_Version, Int8s] = OrderedDict()
        self._failed: dict[_Version, StapesError] = {}
        self._progress: dict[_Version, float] = {}
        self._waiting: deque[tuple[_Version, Frontend]] = deque()
        self._lock = threading.Condition()
        self._thread: threading.Thread | None = None

    def tile(
        self, path: Path, frontend: Frontend, level: int, number: int, channel: int | None = None
    ) -> Tile | Unfinished | None:
        """Return a tile, how far it is, or None beyond the end of the recording.

        channel: counted from 1; None: the mean of all. Raises AudioError for a recording that cannot be read.
        """
        if not 0 <= level <= COARSEST_LEVEL or number < 0:
            return None
        if level <= FINE_LEVEL:
            recording = AudioFile(path, frontend.config.sample_rate_hz, channel)
            frames = 1 << level
            first = number * TILE_COLUMNS * frames
            if first * frontend.config.hop_s >= recording.duration_s:
                return None
            features = features_between(recording, frontend, first, first + TILE_COLUMNS * frames)
            return tile_of(features, frames) if len(features) else None
        overview = self._overview(path, frontend, channel)
        if isinstance(overview, Unfinished):
            return overview
        frames = 1 << (level - FINE_LEVEL - 1)
        part = overview[number * TILE_COLUMNS * frames : (number + 1) * TILE_COLUMNS * frames]
        return tile_of(part, frames) if len(part) else None

    def _overview(self, path: Path, frontend: Frontend, channel: int | None) -> Int8s | Unfinished:
        try:
            status = path.stat()
        except OSError as error:
            raise AudioError(f"{path}: cannot be read ({error.strerror}); reload the page") from error
        version = _Version(path, status.st_mtime_ns, status.st_size, frontend.hash, channel)
        with self._lock:
            if version in self._failed:
                raise self._failed[version]
            if version in self._overviews:
                self._overviews.move_to_end(version)
                return self._overviews[version]
            if version not in self._progress:
                self._progress[version] = 0.0
                self._waiting.append((version, frontend))
                self._lock.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="overviews", daemon=True)
                self._thread.start()
            return Unfinished(self._progress[version])

    def _run(self) -> None:
        while True:
            with self._lock:
                while not self._waiting:
                    self._lock.wait()
                version, frontend = self._waiting.pop()
            try:
                self._keep(version, self._read(version, frontend))
            except StapesError as error:
                with self._lock:
                    self._failed[version] = error
            except Exception as error:  # the thread goes on with other recordings
                with self._lock:
                    self._failed[version] = StapesError(f"{version.path}: has no overview ({error!r})")
            with self._lock:
                self._progress.pop(version, None)

    def _keep(self, version: _Version, overview: Int8s) -> None:
        with self._lock:
            self._overviews[version] = overview
            while len(self._overviews) > 1 and sum(each.nbytes for each in self._overviews.values()) > MOST_IN_MEMORY:
                self._overviews.popitem(last=False)

    def _read(self, version: _Version, frontend: Frontend) -> Int8s:
        """Return the overview of a recording from the disk, or else from its sound."""
        name = f"{content_id(version.path)}-{frontend.hash[:16]}-{version.channel or 'mean'}.npy"
        file = self._cache / name
        n_bands = frontend.config.n_bands
        try:
            kept = np.load(file, allow_pickle=False)
            if kept.dtype == np.int8 and kept.ndim == 2 and kept.shape[1] == n_bands:
                os.utime(file)
                return np.asarray(kept)
        except (OSError, ValueError):
            pass
        recording = AudioFile(version.path, frontend.config.sample_rate_hz, version.channel)
        parts, columns = [np.zeros((0, n_bands), np.int8)], 0
        for part in overview_blocks(recording, frontend):
            parts.append(part)
            columns += len(part)
            done_s = columns * OVERVIEW_FRAMES * frontend.config.hop_s
            self._progress[version] = min(0.99, done_s / max(recording.duration_s, 1e-3))
        overview = np.concatenate(parts)
        self._write(file, overview)
        return overview

    def _write(self, file: Path, overview: Int8s) -> None:
        """Keep an overview on disk, and remove those that were not used for the longest time."""
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with new_file(file) as draft, draft.open("wb") as opened:
                np.save(opened, overview)
            kept = sorted(file.parent.glob("*.npy"), key=lambda each: each.stat().st_mtime_ns, reverse=True)
            total = 0
            for each in kept:
                total += each.stat().st_size
                if total > MOST_ON_DISK and each != file:
                    each.unlink(missing_ok=True)
        except (OSError, StapesError) as error:
            logger.warning(f"{file}: an overview cannot be kept ({error}); it is made anew the next time")
