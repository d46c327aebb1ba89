"""WAV as programs really write it: where its samples lie, in files and in pipes alike, whatever its header says.

A program that writes into a pipe, or that dies, leaves 0 or a length of almost 2 or 4 GiB in the header; a length above
4 GiB has lost its upper bits; some recorders reserve a file and leave zeros behind the sound. The samples are heard to
their real end then, and a note says so. Only a length that is neither of these and lies behind the end of the file
means that a part is missing.

The chunks are those of "Multimedia Programming Interface and Data Specifications 1.0" (1991), ds64 is from EBU Tech
3306, the extensible format from Microsoft's WAVEFORMATEXTENSIBLE.
"""

import io
import os
import struct
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from stapes.firmware_sim.errors import AudioError
from stapes.runtime.audio.convert import require_possible

# Programs that write into a pipe state 0, or a length close to the largest that 31 or 32 bits hold.
_NO_LENGTH = (range(0x7FFF_0000, 0x8001_0001), range(0xFFFF_0000, 0x1_0000_0000))
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_SUBTYPES = {  # libsndfile's name of a codec, by format code and bytes of a sample
    (_PCM, 1): "PCM_U8",
    (_PCM, 2): "PCM_16",
    (_PCM, 3): "PCM_24",
    (_PCM, 4): "PCM_32",
    (_FLOAT, 4): "FLOAT",
    (_FLOAT, 8): "DOUBLE",
    (6, 1): "ALAW",
    (7, 1): "ULAW",
}
_CODECS = {2: "Microsoft ADPCM", 0x11: "IMA ADPCM", 0x31: "GSM 6.10", 0x50: "MPEG", 0x55: "MP3", 0xFF: "AAC"}
_CHUNKS = (
    b"data fmt  ds64 fact LIST cue  plst smpl inst acid bext iXML axml aXML chna cart levl slnt wavl DISP PEAK "
    b"id3  ID3  JUNK junk PAD  FLLR _PMX guan wamd umid minf elm1 regn afsp LGWV strc Cr8r SyLp note adtl labl ltxt "
)
_KNOWN_CHUNKS = frozenset(_CHUNKS[at : at + 4] for at in range(0, len(_CHUNKS), 5))
_TAGS = (b"TAG", b"ID3", b"APETAGEX")  # of music players, which append them without a chunk
_LONGEST_CHUNK_OF_A_STREAM = 1 << 24  # a chunk of an unknown name that claims more is taken for sound
_KEPT = 64  # bytes of a chunk that are looked at; fmt and ds64 need no more


class Incoming(Protocol):
    """Bytes that come one after the other, from a file or a pipe."""

    def read(self, count: int) -> bytes:
        """Return `count` bytes, or fewer at the end."""

    def skip(self, count: int) -> None:
        """Pass over `count` bytes, or fewer at the end, without keeping them in memory."""

    def unread(self, data: bytes) -> None:
        """Put bytes back; they are the next to be read."""


@dataclass(frozen=True)
class WavFormat:
    """How the samples of a WAV are written."""

    rate_hz: int
    channels: int
    subtype: str  # libsndfile's name of the codec; "" when the codec is not one of single samples
    codec: str  # the codec for a message
    frame_bytes: int
    big_endian: bool

    def decode(self, data: bytes) -> NDArray[np.float32]:
        """Return float32[frames, channels], full scale 1.0, of a whole number of frames."""
        if not data:
            return np.zeros((0, self.channels), np.float32)
        samples: NDArray[np.float32] = soundfile.read(
            io.BytesIO(data),
            format="RAW",
            subtype=self.subtype,
            samplerate=8000,  # has no effect on the samples
            channels=self.channels,
            endian="BIG" if self.big_endian else "LITTLE",
            dtype="float32",
            always_2d=True,
        )[0]
        return samples


RAW_PCM = "PCM_16"


def raw_format(rate_hz: int, channels: int) -> WavFormat:
    """Return the format of raw PCM: int16, little-endian."""
    return WavFormat(rate_hz, channels, RAW_PCM, "PCM of 16 bits", 2 * channels, big_endian=False)


@dataclass(frozen=True)
class WavHeader:
    """What stands before the samples."""

    format: WavFormat
    stated: int  # bytes of samples that the header claims


def read_header(name: str, incoming: Incoming) -> WavHeader:
    """Read everything up to the first sample. Raises AudioError, which names the recording `name`, if there is none."""
    form = incoming.read(12)[:4]
    order = ">" if form == b"RIFX" else "<"
    long_length, format = 0, None
    while len(head := incoming.read(8)) == 8:
        chunk, length = struct.unpack(f"{order}4sI", head)
        if chunk == b"data":
            if format is None:
                raise AudioError(f"{name}: its samples come before their format (chunk fmt); write it again")
            return WavHeader(format, long_length if length == 0xFFFF_FFFF and long_length else length)
        body = incoming.read(min(length, _KEPT))
        if chunk == b"fmt ":
            format = _format(name, body, order)
        elif chunk == b"ds64" and len(body) >= 16:
            (long_length,) = struct.unpack_from("<Q", body, 8)
        incoming.skip(length - len(body))
        if length % 2:
            _skip_padding(incoming)
    raise AudioError(f"{name}: the WAV ends before its samples begin; write or copy it again, or leave it out")


def _skip_padding(incoming: Incoming) -> None:
    """Pass over the zero that follows a chunk of odd length; some programs leave it out."""
    padding = incoming.read(1)
    if padding != b"\0":
        incoming.unread(padding)


def _format(name: str, body: bytes, order: str) -> WavFormat:
    code, channels, rate_hz, _, frame_bytes, bits = struct.unpack_from(f"{order}HHIIHH", body.ljust(16, b"\0"))
    if code == _EXTENSIBLE and len(body) >= 26:  # the GUID begins with the format code
        (code,) = struct.unpack_from(f"{order}H", body, 24)
    require_possible(name, rate_hz, channels)
    sample_bytes = (bits + 7) // 8
    if frame_bytes % channels == 0 and frame_bytes // channels > sample_bytes:
        sample_bytes = frame_bytes // channels  # 12 bits in 2 bytes, 24 bits in 4
    subtype = _SUBTYPES.get((code, sample_bytes), "") if bits else ""
    codec = _CODECS.get(code, f"format {code} with {bits} bits")
    return WavFormat(rate_hz, channels, subtype, codec, sample_bytes * channels, big_endian=order == ">")


@dataclass(frozen=True)
class Follows:
    """What stands behind samples whose length the header states."""

    what: str  # "data" (more samples, in a chunk of their own), "chunk", "sound", "zeros", "tag" or "end"
    length: int = 0  # of the chunk


def follows(head: bytes, big_endian: bool, left: int | None) -> Follows:
    """Tell what stands behind the samples by its first 8 bytes; `left` is how many there are, None in a pipe."""
    if len(head) < 8:
        return Follows("end")
    chunk, length = struct.unpack(">4sI" if big_endian else "<4sI", head[:8])
    most = _LONGEST_CHUNK_OF_A_STREAM if left is None else left - 8
    named = chunk.isascii() and chunk.translate(None, b" _-").isalnum()
    if chunk in _KNOWN_CHUNKS or (named and length <= most):
        return Follows("data" if chunk == b"data" else "chunk", length)
    if head.startswith(_TAGS):
        return Follows("tag")
    return Follows("zeros" if not any(head) else "sound")


def gives_no_length(stated: int, there: int | None) -> bool:
    """Return whether the length in the header is none; `there` is how many bytes follow in the file, None in a pipe."""
    return any(stated in each for each in _NO_LENGTH) and (there is None or stated > there)


class WavFile:
    """The samples of a WAV file with a codec of single samples, to their real end.

    `note` says where the header is wrong, "" if it is right. Raises AudioError when a part of the samples is missing.
    """

    def __init__(self, name: str, file: BinaryIO) -> None:
        self._name, self._file = name, file
        self._size = os.fstat(file.fileno()).st_size
        incoming = FileBytes(file)
        header = read_header(name, incoming)
        self.format, self.note, self._header_bytes = header.format, "", file.tell()
        self._spans: list[tuple[int, int]] = []  # first byte, byte behind the last
        if self.format.subtype:
            self._find(file.tell(), header.stated)
        frame = self.format.frame_bytes or 1
        self.frames = sum((end - begin) // frame for begin, end in self._spans)
        self.seek(0)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def seek(self, frame: int) -> None:
        """Continue with this frame."""
        self._frame = frame

    def read(self, frames: int) -> NDArray[np.float32]:
        """Return the next frames as float32[frames, channels], full scale 1.0; fewer at the end."""
        size, at, parts = self.format.frame_bytes, self._frame, []
        self._frame = min(self.frames, at + frames)
        wanted = self._frame - at
        for begin, end in self._spans:
            there = (end - begin) // size
            if at < there and wanted:
                count = min(wanted, there - at)
                self._file.seek(begin + at * size)
                parts.append(self._file.read(count * size))
                at, wanted = at + count, wanted - count
            at -= there
            if not wanted:
                break
        return self.format.decode(b"".join(parts))

    def _find(self, at: int, stated: int) -> None:
        """Find the spans of samples, beginning at byte `at`."""
        while True:
            there = self._size - at
            if gives_no_length(stated, there):
                self._to_the_end(at, "its header gives no length")
                return
            if stated > there:
                if stated - there > self._header_bytes:
                    self._raise_cut_off(at, stated)
                self._to_the_end(at, "its header counts itself as sound")
                return
            end = self._unwrapped(at, stated)
            following, begin = self._follows(end, stated % 2 == 1)
            if following.what == "sound" or (stated == 0 and following.what == "zeros" and not self._is_zero(end)):
                said = "no length" if stated == 0 else f"{self._seconds(stated)} of sound, and more follows"
                self._to_the_end(at, f"its header gives {said}")
                return
            if end > at:
                self._spans.append((at, end))
            if following.what == "zeros":
                self._add(f"{self._size - end} bytes of zeros behind the sound are left out")
            if following.what != "data":
                return
            self._add("the sound of several data chunks is joined")
            at, stated = begin, following.length

    def _unwrapped(self, at: int, stated: int) -> int:
        """Return where the samples end: a length above 4 GiB has lost its upper bits, but fits where the file ends."""
        end = at + stated
        if (turns := (self._size - end) >> 32) and stated:
            beyond = end + (turns << 32)
            if self._follows(beyond, False)[0].what in ("end", "chunk", "tag"):
                self._add("its sound is longer than the 4 GiB that its header can state; it is heard to its end")
                return beyond
        return end

    def _follows(self, at: int, odd: bool) -> tuple[Follows, int]:
        """Return what follows the samples that end at byte `at`, and where it begins; other chunks are passed over."""
        while True:
            head = self._at(at, 9)
            if odd and head[:1] == b"\0" and any(head[1:]):  # padding; some programs leave it out
                at, head = at + 1, head[1:]
            found = follows(head[:8], self.format.big_endian, self._size - at)
            if found.what == "zeros" and not self._is_zero(at):
                found = Follows("sound")
            if found.what != "chunk":
                return found, at + 8
            at, odd = at + 8 + found.length, found.length % 2 == 1

    def _is_zero(self, at: int) -> bool:
        """Return whether only zeros follow, by 64 places of 4 KiB, since there may be gigabytes of them."""
        return not any(any(self._at(round(place), 4096)) for place in np.linspace(at, max(at, self._size - 4096), 64))

    def _at(self, at: int, count: int) -> bytes:
        self._file.seek(at)
        return self._file.read(count)

    def _to_the_end(self, at: int, why: str) -> None:
        if self._size - at >= self.format.frame_bytes:
            self._spans.append((at, self._size))
            self._add(f"{why}; the file is heard to its end, {self._seconds(self._size - at)}")

    def _add(self, note: str) -> None:
        if note not in self.note:
            self.note = f"{self.note}; {note}" if self.note else note

    def _seconds(self, count: int) -> str:
        return f"{count / self.format.frame_bytes / self.format.rate_hz:.2f} s"

    def _raise_cut_off(self, at: int, stated: int) -> None:
        frame = self.format.frame_bytes
        raise AudioError(
            f"{self._name}: the file is cut off: {(self._size - at) // frame} of {stated // frame} samples are there; "
            "copy it again or leave it out"
        )


class FileBytes:
    """The bytes of a file, one after the other."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, count: int) -> bytes:
        """Return `count` bytes, or fewer at the end."""
        return self._file.read(count)

    def skip(self, count: int) -> None:
        """Pass over `count` bytes."""
        self._file.seek(count, os.SEEK_CUR)

    def unread(self, data: bytes) -> None:
        """Go back by these bytes."""
        self._file.seek(-len(data), os.SEEK_CUR)
