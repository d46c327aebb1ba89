"""A recording on disk as int16 at the detector's rate, the same samples for every command."""

import logging
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.errors import AudioError
from stapes.runtime.audio.convert import Converter, InputSettings, in_opposite_phase, require_channel, require_possible
from stapes.runtime.audio.kinds import SNIFFED, TEXT, UNREAD_KINDS, beginning, how_to_convert, kind_of
from stapes.runtime.audio.libsndfile import SndFile
from stapes.runtime.audio.wav import WavFile

logger = logging.getLogger(__name__)

BLOCK_FRAMES = 1 << 16
_MOST_SAMPLES = 1 << 22  # of all channels of a block, 16 MiB as float32
_LONGEST_BLOCK_S = 60  # so that a block of a low rate does not grow by being resampled


class Samples(Protocol):
    """An open recording."""

    frames: int

    def read(self, frames: int) -> NDArray[np.float32]:
        """Return the next frames as float32[frames, channels], full scale 1.0; fewer at the end."""

    def seek(self, frame: int) -> None:
        """Continue with this frame."""

    def close(self) -> None:
        """Close the file."""


@dataclass(frozen=True)
class Audio:
    """A whole recording at the detector's rate."""

    pcm: NDArray[np.int16]  # [samples]
    clipped: int  # samples that the conversion saturated


class AudioFile:
    """A recording on disk, read block by block at `sample_rate_hz`, so that memory does not grow with its length.

    channel: counted from 1; None: the mean of all channels.
    Raises AudioError when it cannot be read, has no such channel, is shorter than its header says, or contains values
    that are not numbers.

    >>> for block in AudioFile("hall.flac", 16_000).blocks(): ...   # int16[n]
    """

    def __init__(self, path: str | Path, sample_rate_hz: int, channel: int | None = None) -> None:
        self.path = Path(path)
        self.sample_rate_hz = sample_rate_hz
        self._input = InputSettings(channel)
        self.source_rate_hz, self.channels = 0, 0  # until the header is read
        _require_file(self.path)
        with self._opened() as samples:
            self.duration_s: float = samples.frames / self.source_rate_hz
        require_channel(str(path), channel, self.channels)
        self.clipped = 0  # samples saturated when the file was last read to its end

    def blocks(self, frames: int = BLOCK_FRAMES) -> Iterator[NDArray[np.int16]]:
        """Yield int16[samples], reading `frames` frames of the file at a time.

        A conversion is logged once for all files that need the same one.
        """
        self._report_conversion()
        converter = Converter(self.source_rate_hz, self.sample_rate_hz, self._input)
        for block in self.samples(frames):
            yield converter.push(block)
        yield converter.flush()
        self.clipped = converter.clipped
        if converter.cancels:
            _warn_once(in_opposite_phase(str(self.path)))

    def samples(self, frames: int = BLOCK_FRAMES) -> Generator[NDArray[np.float32], None, None]:
        """Yield float32[frames, channels] at `source_rate_hz`, at most `frames` frames at a time, full scale 1.0."""
        with self._opened() as samples:
            yield from self._checked(samples, 0, samples.frames, frames)

    def excerpt(self, begin_s: float, end_s: float) -> NDArray[np.int16]:
        """Return the part between two times in seconds as int16[samples]; only this part is converted."""
        first, last = round(begin_s * self.source_rate_hz), round(end_s * self.source_rate_hz)
        converter = Converter(self.source_rate_hz, self.sample_rate_hz, self._input)
        with self._opened() as samples:
            samples.seek(first)
            parts = [converter.push(each) for each in self._checked(samples, first, last, BLOCK_FRAMES, whole=False)]
        return np.concatenate([*parts, converter.flush()])

    def _checked(
        self, samples: Samples, first: int, last: int, frames: int, whole: bool = True
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the frames from `first` to before `last`; `whole`: they must all be there."""
        at, most = first, max(1, min(frames, _LONGEST_BLOCK_S * self.source_rate_hz, _MOST_SAMPLES // self.channels))
        while at < last and len(block := samples.read(min(most, last - at))):
            if not np.isfinite(block).all():
                raise not_numbers(str(self.path), at / self.source_rate_hz)
            at += len(block)
            yield block
        if whole and at < last:
            raise AudioError(
                f"{self.path}: the file is cut off: {at} of {last} samples are there; copy it again or leave it out"
            )

    @contextmanager
    def _opened(self) -> Iterator[Samples]:
        samples = self._open()
        try:
            yield samples
        finally:
            samples.close()

    def _open(self) -> Samples:
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise AudioError(f"{self.path}: cannot be read ({error.strerror}); check its permissions") from None
        head = file.read(SNIFFED)
        kind = kind_of(head)
        if kind == "WAV":
            file.seek(0)
            wav = WavFile(str(self.path), file)
            if wav.format.subtype:
                self.source_rate_hz, self.channels = wav.format.rate_hz, wav.format.channels
                if wav.note:
                    _warn_once(f"{self.path}: {wav.note}")
                return wav
        file.close()
        _require_audio(self.path, head, kind)
        samples = SndFile(self.path)
        require_possible(str(self.path), samples.rate_hz, samples.channels)
        self.source_rate_hz, self.channels = samples.rate_hz, samples.channels
        return samples

    def _report_conversion(self) -> None:
        """Log a conversion the first time that it is needed: a thousand files of one recorder need one line."""
        source, rate, channel = self.source_rate_hz, self.sample_rate_hz, self._input.channel
        changes = []
        if self.channels > 1:
            changes = [f"{self.channels} channels averaged" if channel is None else f"channel {channel} is used"]
        changes += [f"{source} Hz resampled to {rate} Hz"] if source != rate else []
        conversion = ", ".join(changes)
        if conversion and conversion not in _said:
            _said.add(conversion)
            logger.info(f"{conversion} (first in {self.path.name})")
            if source < rate:
                logger.warning(
                    f"recordings at {source} Hz hold nothing above {source / 2:g} Hz, where the detector listens up to "
                    f"{rate / 2:g} Hz: record at {rate} Hz or more (first in {self.path.name})"
                )


def not_numbers(where: str, after_s: float) -> AudioError:
    """Return the error about floating-point samples that are infinite or not a number."""
    return AudioError(
        f"{where}: there are values that are not numbers after {after_s:.2f} s; write it again or leave it out"
    )


def _require_file(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise AudioError(f"{str(path)!a}: the name is not UTF-8; rename the file") from None
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise AudioError(f"{path}: no such recording; correct the name") from None
    except OSError as error:
        raise AudioError(f"{path}: cannot be read ({error.strerror}); check its name and permissions") from None
    if stat.S_ISDIR(mode):
        raise AudioError(f"{path}: this is a folder; name a recording in it")
    if not stat.S_ISREG(mode):
        raise AudioError(
            f"{path}: this is a pipe, socket or device, not a file; for a stream: stapes listen DETECTOR - < {path}"
        )


def _require_audio(path: Path, head: bytes, kind: str) -> None:
    if not head:
        raise AudioError(f"{path}: cannot be read as audio (the file is empty); copy it again or leave it out")
    if kind == TEXT:
        raise AudioError(
            f"{path}: cannot be read as audio (it is a text that begins with {beginning(head)}); "
            "copy or download it again, or leave it out"
        )
    if kind in UNREAD_KINDS:
        raise AudioError(
            f"{path}: cannot be read as audio (it is {kind}); convert it, for example: {how_to_convert(path)}"
        )


def read_audio(path: str | Path, sample_rate_hz: int, channel: int | None = None) -> Audio:
    """Return a whole recording as int16[samples] at `sample_rate_hz`, the same samples as AudioFile.blocks yields.

    Raises AudioError when it cannot be read or is cut off.
    """
    file = AudioFile(path, sample_rate_hz, channel)
    return Audio(np.concatenate(list(file.blocks())), file.clipped)


_said: set[str] = set()  # conversions and warnings that were logged; a file is opened more than once


def _warn_once(text: str) -> None:
    if text not in _said:
        _said.add(text)
        logger.warning(text)
