"""Audio as int16 PCM at the detector's own rate. This is the only down-mix and the only resampler of the project.

All audio (files, microphone, stdin) passes through a `Converter`: the mean of the channels, soxr in float32, then
rounding and saturation to int16. soxr in float32 gives the same bits for blocks of any size as for the whole recording
at once, so a file that is read at once, the same file read block by block, and a live stream of it give equal samples.
"""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from stapes.firmware_sim.errors import AudioError

logger = logging.getLogger(__name__)

FILE_SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".w64", ".caf", ".au")
BLOCK_FRAMES = 1 << 16

# libsndfile reads the samples that a truncated file has, without an error; only its log mentions the missing ones.
_CUT_WAV = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)
_CUT_OTHER = re.compile(r"^ *(?:riff|FORM|Data Size) *: (\d+) \(should be (\d+)\)", re.MULTILINE)  # W64, AIFF, AU
_CUT_RF64 = re.compile(r"Calculated frame count (\d+) does not match value from 'ds64' chunk of (\d+)")
_CUT_OGG = "Ogg: Last page lacks an end-of-stream bit."
_NO_LENGTH = (1 << 63) - 1  # frames of a FLAC file that was written into a pipe
_STREAM_LENGTH = 0xFFFF_FF00  # programs that write WAV into a pipe state this length or a larger one


@dataclass(frozen=True)
class InputSettings:
    """How the samples of a live input are used."""

    channel: int | None = None  # counted from 1; None: the mean of all
    gain_db: float = 0.0


class Converter:
    """Converts blocks of float samples, at any rate with any number of channels, to mono int16 at the detector's rate.

    `clipped` counts the samples that were saturated so far.
    """

    def __init__(self, source_rate_hz: int, sample_rate_hz: int, input_settings: InputSettings | None = None) -> None:
        input_settings = input_settings or InputSettings()
        self._channel, self._gain = input_settings.channel, np.float32(10 ** (input_settings.gain_db / 20))
        self.source_rate_hz = source_rate_hz
        self.clipped = 0
        self._resampler = (
            soxr.ResampleStream(source_rate_hz, sample_rate_hz, 1, dtype="float32")
            if source_rate_hz != sample_rate_hz
            else None
        )

    def push(self, block: NDArray[np.float32]) -> NDArray[np.int16]:
        """Convert float32[frames, channels], full scale 1.0, to int16[samples], which lag by the resampler's delay."""
        mono = _mean_of_channels(block) if self._channel is None else block[:, self._channel - 1].copy()
        if self._gain != 1:
            mono *= self._gain
        return self._to_int16(mono if self._resampler is None else self._resampler.resample_chunk(mono))

    def flush(self) -> NDArray[np.int16]:
        """Return the samples that the resampler still holds. Nothing can be pushed afterwards."""
        if self._resampler is None:
            return np.zeros(0, np.int16)
        return self._to_int16(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True))

    def _to_int16(self, samples: NDArray[np.float32]) -> NDArray[np.int16]:
        scaled = np.rint(samples * np.float32(32768))
        saturated = np.clip(scaled, -32768, 32767)
        self.clipped += int(np.count_nonzero(scaled != saturated))
        return saturated.astype(np.int16)


def _mean_of_channels(block: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32[frames] for float32[frames, channels]; a fixed order of addition makes block sizes irrelevant."""
    total = block[:, 0].copy()
    for channel in range(1, block.shape[1]):
        total += block[:, channel]
    return total if block.shape[1] == 1 else total / np.float32(block.shape[1])


@dataclass(frozen=True)
class Audio:
    """A whole recording at the detector's rate."""

    pcm: NDArray[np.int16]  # [samples]
    clipped: int  # samples that the conversion saturated


class AudioFile:
    """A recording on disk, read block by block at `sample_rate_hz`, so that memory does not grow with its length.

    Raises AudioError when it cannot be read, is shorter than its header says, or contains values that are not numbers.

    >>> for block in AudioFile("hall.flac", 16_000).blocks(): ...   # int16[n]
    """

    def __init__(self, path: str | Path, sample_rate_hz: int) -> None:
        self.path = Path(path)
        self.sample_rate_hz = sample_rate_hz
        if self.path.is_dir():
            raise AudioError(f"{path}: this is a folder; name a recording in it")
        if not self.path.exists():
            raise AudioError(f"{path}: no such recording; correct the name")
        with self._opened() as file:
            self.source_rate_hz: int = file.samplerate
            self.channels: int = file.channels
            self.duration_s: float = file.frames / file.samplerate
        self.clipped = 0  # samples saturated when the file was last read to its end

    def blocks(self, frames: int = BLOCK_FRAMES) -> Iterator[NDArray[np.int16]]:
        """Yield int16[samples], reading `frames` frames of the file at a time.

        A conversion is logged once for all files that need the same one.
        """
        _report_conversion(self.path, self.source_rate_hz, self.channels, self.sample_rate_hz)
        converter = Converter(self.source_rate_hz, self.sample_rate_hz)
        with self._opened() as file:
            expected, read = file.frames, 0
            while len(block := self._read(file, frames)):
                read += len(block)
                yield converter.push(block)
        if read < expected:
            raise self._cut_off(read, expected)
        yield converter.flush()
        self.clipped = converter.clipped

    def _opened(self) -> soundfile.SoundFile:
        try:
            file = soundfile.SoundFile(self.path)
        except soundfile.SoundFileError as error:
            raise AudioError(
                f"{self.path}: cannot be read as audio ({_reason(error)}); use WAV, FLAC, OGG or MP3"
            ) from None
        log = file.extra_info
        if expected := _frames_expected(log, file.frames):
            raise self._cut_off(file.frames, expected)
        if file.frames == _NO_LENGTH:
            raise AudioError(
                f"{self.path}: the file does not say how long it is; decode and encode it again (flac -d, then flac)"
            )
        if _CUT_OGG in log:
            raise AudioError(
                f"{self.path}: the file is cut off (its last page is missing); copy it again or leave it out"
            )
        return file

    def _read(self, file: soundfile.SoundFile, frames: int) -> NDArray[np.float32]:
        start = file.tell()
        try:
            block = file.read(frames, dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            raise AudioError(
                f"{self.path}: cannot be read beyond {start / self.source_rate_hz:.2f} s ({_reason(error)}); "
                "copy it again or leave it out"
            ) from None
        if not np.isfinite(block).all():
            raise AudioError(
                f"{self.path}: there are values that are not numbers after {start / self.source_rate_hz:.2f} s; "
                "write it again or leave it out"
            )
        return block

    def _cut_off(self, frames: int, expected: int) -> AudioError:
        return AudioError(
            f"{self.path}: the file is cut off: {frames} of {expected} samples are there; copy it again or leave it out"
        )


def read_audio(path: str | Path, sample_rate_hz: int) -> Audio:
    """Return a whole recording as int16[samples] at `sample_rate_hz`, the same samples as AudioFile.blocks yields.

    Raises AudioError when it cannot be read or is cut off.
    """
    file = AudioFile(path, sample_rate_hz)
    return Audio(np.concatenate(list(file.blocks())), file.clipped)


def _frames_expected(log: str, frames: int) -> int | None:
    """Return how many frames a truncated file should have, by libsndfile's log of it; None for a whole file."""
    cut = _CUT_WAV.search(log)
    if cut and int(cut[2]) < int(cut[1]) < _STREAM_LENGTH:
        bytes_per_frame = max(1, int(cut[2]) // max(1, frames))
        return int(cut[1]) // bytes_per_frame
    if (cut := _CUT_RF64.search(log)) and int(cut[1]) < int(cut[2]):
        return int(cut[2])
    if (cut := _CUT_OTHER.search(log)) and int(cut[2]) < int(cut[1]):
        return frames * int(cut[1]) // int(cut[2])
    return None


def _reason(error: soundfile.SoundFileError) -> str:
    """Return libsndfile's message without the path, which our message names already."""
    message = str(error).rsplit(": ", 1)[-1].rstrip(".").lower()
    return "format not recognised" if message.startswith("file does not exist") else message


_conversions_reported: set[str] = set()


def _report_conversion(path: Path, source_rate_hz: int, channels: int, sample_rate_hz: int) -> None:
    """Log a conversion the first time that it is needed: a thousand files of one recorder need one line."""
    changes = [f"{channels} channels averaged"] if channels > 1 else []
    changes += [f"{source_rate_hz} Hz resampled to {sample_rate_hz} Hz"] if source_rate_hz != sample_rate_hz else []
    conversion = ", ".join(changes)
    if conversion and conversion not in _conversions_reported:
        _conversions_reported.add(conversion)
        logger.info(f"{conversion} (first in {path.name})")
