"""Recordings that libsndfile reads: all but plain WAV. It is asked what it found, since it reads damaged files too."""

import re
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from stapes.firmware_sim.errors import AudioError
from stapes.runtime.audio.kinds import how_to_convert
from stapes.runtime.console import silent_stderr

# libsndfile reads the samples that a truncated file has, without an error; only its log mentions the missing ones.
_CUT_WAV = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)
_CUT_OTHER = re.compile(r"^ *(?:riff|FORM|Data Size) *: (\d+) \(should be (\d+)\)", re.MULTILINE)  # W64, AIFF, AU
_CUT_RF64 = re.compile(r"Calculated frame count (\d+) does not match value from 'ds64' chunk of (\d+)")
_AU_SAMPLES_AT = re.compile(r"^ *Data Offset *: (\d+)", re.MULTILINE)
_AU_HEADER_BYTES = 24
_CUT_OGG = "Ogg: Last page lacks an end-of-stream bit."
_NO_LENGTH = (1 << 63) - 1  # frames of a FLAC file that was written into a pipe
_STREAM_LENGTH = 0x7FFF_0000  # programs that write WAV or AU into a pipe state this length or a larger one


class SndFile:
    """The samples of a recording that libsndfile reads.

    Raises AudioError when it cannot be read, is shorter than its header says, or does not say how long it is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # libmpg123 writes warnings about MP3 files to stderr, without the name of the file.
        self._silently = silent_stderr if path.suffix.lower() == ".mp3" else nullcontext
        try:
            with self._silently():
                self._file = soundfile.SoundFile(path)
        except soundfile.SoundFileError as error:
            raise AudioError(
                f"{path}: cannot be read as audio ({_reason(error)}); convert it, for example: {how_to_convert(path)}"
            ) from None
        if self._file.format == "RAW":  # libsndfile's guess, by the suffix, about an .au file without a header
            self._file.close()
            raise AudioError(f"{path}: cannot be read as audio (it has no header); copy it again or leave it out")
        self.rate_hz: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.frames: int = self._file.frames
        self._seekable: bool = self._file.seekable()
        self._require_whole()
        self._at = 0

    def close(self) -> None:
        """Close the file."""
        with self._silently():
            self._file.close()

    def seek(self, frame: int) -> None:
        """Continue with this frame."""
        if self._seekable:
            with self._silently():
                self._at = self._file.seek(frame)
            return
        if frame < self._at:  # GSM 6.10 and others can only be read from the beginning
            self.close()
            self._file, self._at = soundfile.SoundFile(self._path), 0
        while self._at < frame and len(self.read(min(frame - self._at, 1 << 16))):
            pass

    def read(self, frames: int) -> NDArray[np.float32]:
        """Return the next frames as float32[frames, channels], full scale 1.0; fewer at the end."""
        try:
            with self._silently():
                block: NDArray[np.float32] = self._file.read(frames, dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            raise AudioError(
                f"{self._path}: cannot be read beyond {self._at / self.rate_hz:.2f} s ({_reason(error)}); "
                "copy it again or leave it out"
            ) from None
        self._at += len(block)
        return block

    def _require_whole(self) -> None:
        log = self._file.extra_info
        if (at := _AU_SAMPLES_AT.search(log)) and int(at[1]) < _AU_HEADER_BYTES:
            raise AudioError(
                f"{self._path}: its header says that the samples begin at byte {at[1]}, inside of the header of "
                f"{_AU_HEADER_BYTES} bytes; write it again or leave it out"
            )
        if expected := _frames_expected(log, self.frames):
            raise AudioError(
                f"{self._path}: the file is cut off: {self.frames} of {expected} samples are there; "
                "copy it again or leave it out"
            )
        if self.frames == _NO_LENGTH:
            raise AudioError(
                f"{self._path}: the file does not say how long it is; decode and encode it again (flac -d, then flac)"
            )
        if _CUT_OGG in log:
            raise AudioError(
                f"{self._path}: the file is cut off (its last page is missing); copy it again or leave it out"
            )


def _frames_expected(log: str, frames: int) -> int | None:
    """Return how many frames a truncated file should have, by libsndfile's log of it; None for a whole file."""
    cut = _CUT_WAV.search(log)
    if cut and int(cut[2]) < int(cut[1]) < _STREAM_LENGTH:
        bytes_per_frame = max(1, int(cut[2]) // max(1, frames))
        return int(cut[1]) // bytes_per_frame
    if (cut := _CUT_RF64.search(log)) and int(cut[1]) < int(cut[2]):
        return int(cut[2])
    if (cut := _CUT_OTHER.search(log)) and int(cut[2]) < int(cut[1]) < _STREAM_LENGTH:
        return frames * int(cut[1]) // max(1, int(cut[2]))
    return None


def _reason(error: soundfile.SoundFileError) -> str:
    """Return libsndfile's message without the path, which our message names already."""
    message = str(error).rsplit(": ", 1)[-1].rstrip(".").lower()
    return "format not recognised" if message.startswith("file does not exist") else message
