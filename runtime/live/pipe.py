"""Audio that another program writes into a pipe: raw PCM, or WAV as ffmpeg and arecord write it into pipes."""

import logging
import os
import select
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from stapes.firmware_sim.errors import AudioError, ConfigError
from stapes.runtime.live.source import Block, Gap

logger = logging.getLogger(__name__)

BLOCK_S = 0.1
HEADER_WAIT_S = 0.2  # longest delay until a request to stop is noticed while no byte arrives
_STREAM_LENGTH = 0x7FFF_0000  # programs that write WAV into a pipe state this length, a larger one, or 0
_INT16: np.dtype[Any] = np.dtype("<i2")
_KNOWN = {(1, 16): _INT16, (1, 32): np.dtype("<i4"), (3, 32): np.dtype("<f4")}  # by (format code, bits) of the WAV


class Pipe:
    """A file descriptor that gives WAV, or else raw int16, little-endian, at `rate_hz` with `channels` channels.

    It is read only as fast as blocks are processed, so the writer waits. Opening waits for the first bytes, or until
    `stopped()` returns True. Raises AudioError when the pipe ends before the first sample, and for a WAV whose
    samples are neither 16 or 32 bit PCM nor 32 bit float; ConfigError for an impossible rate or number of channels.
    """

    def __init__(
        self, descriptor: int, rate_hz: int, channels: int, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        if rate_hz < 1 or channels < 1:
            raise ConfigError(f"--raw-rate {rate_hz} --raw-channels {channels}: both must be at least 1")
        self.name, self.lag_s, self.dropped_s = "stdin", 0.0, 0.0
        self.rate_hz, self.channels, self._sample = rate_hz, channels, _INT16
        self._descriptor, self._stopped, self._ended, self._frames = descriptor, stopped, False, 0
        self._left: int | None = None  # bytes of samples to come, if the WAV states it; other chunks may follow them
        self._bytes = self._read_exactly(4)
        if self._bytes == b"RIFF":
            self._read_header()
        elif not self._bytes and not stopped():
            raise AudioError("stdin ended before any audio arrived; look for an error of the program that writes it")

    def read(self, timeout_s: float) -> Block | Gap | None:
        """Return the samples that have arrived, at most BLOCK_S of them; None at the end.

        The block is empty when nothing arrived for `timeout_s` seconds.
        """
        frame = self._sample.itemsize * self.channels
        if not self._ended and len(self._bytes) < frame and not self._readable(timeout_s):
            return np.zeros((0, self.channels), np.float32)
        if not self._ended:
            self._bytes += self._read_samples(max(frame, int(self.rate_hz * BLOCK_S) * frame))
        whole = len(self._bytes) // frame * frame
        if self._ended and not whole:
            logger.info(f"stdin ended after {self._frames / self.rate_hz:.1f} s")
            return None
        samples = np.frombuffer(self._bytes[:whole], self._sample).reshape(-1, self.channels)
        self._bytes = self._bytes[whole:]
        self._frames += len(samples)
        return _as_float(samples)

    def close(self) -> None:
        """Do nothing: the descriptor belongs to whoever opened it."""

    def _readable(self, timeout_s: float) -> bool:
        return bool(select.select([self._descriptor], [], [], timeout_s)[0])

    def _read_samples(self, count: int) -> bytes:
        data = os.read(self._descriptor, count if self._left is None else min(count, self._left))
        if self._left is not None:
            self._left -= len(data)
        self._ended = not data or self._left == 0
        return data

    def _read_exactly(self, count: int) -> bytes:
        parts = bytearray()
        while len(parts) < count and not self._stopped():
            if self._readable(HEADER_WAIT_S):
                more = os.read(self._descriptor, count - len(parts))
                if not more:
                    break
                parts += more
        return bytes(parts)

    def _read_header(self) -> None:
        self._read_exactly(8)
        while len(head := self._read_exactly(8)) == 8:
            name, length = struct.unpack("<4sI", head)
            if name == b"data":
                self._bytes = b""
                self._left = length if 0 < length < _STREAM_LENGTH else None
                return
            body = self._read_exactly(length + length % 2)
            if name == b"fmt ":
                self._take_format(body)
        if self._stopped():
            return
        raise AudioError(
            "stdin: the WAV ends before its samples begin; look for an error of the program that writes it"
        )

    def _take_format(self, body: bytes) -> None:
        kind, self.channels, self.rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", body.ljust(16, b"\0"))
        if kind == 0xFFFE and len(body) >= 26:  # extensible: the GUID begins with the format code
            (kind,) = struct.unpack_from("<H", body, 24)
        if (kind, bits) not in _KNOWN or not self.channels or not self.rate_hz:
            raise AudioError(
                f"stdin: a WAV of format {kind} with {bits} bits, {self.channels} channels at {self.rate_hz} Hz "
                "cannot be read; write 16 bit PCM (ffmpeg: -c:a pcm_s16le)"
            )
        self._sample = _KNOWN[kind, bits]


def _as_float(samples: np.ndarray) -> Block:
    if samples.dtype.kind == "f":
        return np.nan_to_num(samples.astype(np.float32))
    return samples.astype(np.float32) * np.float32(2.0 ** (1 - 8 * samples.dtype.itemsize))
