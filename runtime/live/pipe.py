"""Audio that another program writes into a pipe: raw PCM, or WAV as ffmpeg and arecord write it into pipes."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stapes.firmware_sim.errors import AudioError, ConfigError
from stapes.runtime.audio.convert import require_possible
from stapes.runtime.audio.file import not_numbers
from stapes.runtime.audio.kinds import SNIFFED, TEXT, beginning, is_text, kind_of, may_be_mp3
from stapes.runtime.audio.wav import WavFormat, follows, gives_no_length, raw_format, read_header
from stapes.runtime.live.incoming import PipeBytes
from stapes.runtime.live.pace import Pace
from stapes.runtime.live.source import Block, Gap

logger = logging.getLogger(__name__)

BLOCK_S = 0.1
STALL_S = 1.0  # a live stream that gives nothing for longer has stalled
CATCH_UP_S = 1.0  # within this time after a stall, a writer that has kept the sound delivers it
LOST_S = 0.25  # less than this after a stall is jitter
TEXT_BYTES = 256  # of a stream that begins with letters; raw PCM hardly ever does


@dataclass(frozen=True)
class RawPcm:
    """How samples without a header are taken: int16, little-endian."""

    rate_hz: int
    channels: int = 1
    is_said: bool = False  # the user says that it is raw PCM; else it is what nothing else fits


class Pipe:
    """A file descriptor that gives WAV, or else raw PCM.

    It is read only as fast as blocks are processed, so the writer waits. Opening waits for the first bytes, or until
    `stopped()` returns True. A stall of a live stream is a gap as long as the sound that did not arrive, unless the
    writer delivers it afterwards.

    Raises AudioError when the pipe ends before the first sample, for text, and for audio of other kinds; ConfigError
    for an impossible rate or number of channels.
    """

    def __init__(
        self,
        descriptor: int,
        raw: RawPcm,
        stopped: Callable[[], bool] = lambda: False,
        pace: Pace | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        if raw.rate_hz < 1 or raw.channels < 1:
            raise ConfigError(f"--raw-rate {raw.rate_hz} --raw-channels {raw.channels}: both must be at least 1")
        require_possible("--raw-rate and --raw-channels", raw.rate_hz, raw.channels)
        self.name, self.dropped_s = "stdin", 0.0
        self._bytes, self._now_s = PipeBytes(descriptor, stopped), now_s
        self._pace = pace or Pace()
        self._stated = 0  # bytes of the last chunk of samples
        self._left: int | None = None  # bytes of samples to come, if the WAV states it; other chunks may follow them
        self._ended = self._waited = False
        self._pending, self._frames = b"", 0  # bytes that are no whole frame yet; frames that were read
        self.format = self._read_beginning(raw)
        self.rate_hz, self.channels = self.format.rate_hz, self.format.channels
        self._heard_at_s: float | None = None  # when bytes arrived last

    @property
    def is_live(self) -> bool:
        """Whether the sound is as old as its bytes: not when a file is sent faster than it would sound."""
        return self._pace.is_live

    @property
    def lag_s(self) -> float:
        """Seconds of sound that have arrived and wait to be read."""
        return len(self._pending) / self.format.frame_bytes / self.rate_hz

    def read(self, timeout_s: float) -> Block | Gap | None:
        """Return the samples that have arrived, at most BLOCK_S of them; None at the end.

        The block is empty when nothing arrived for `timeout_s` seconds. A gap comes before the samples behind it.
        """
        frame = self.format.frame_bytes
        if not self._ended and len(self._pending) < frame:
            if not self._bytes.arrives(0):
                self._waited = True
                if not self._bytes.arrives(timeout_s):
                    return np.zeros((0, self.channels), np.float32)
            if lost := self._lost_in_stall():
                return Gap(lost, self.rate_hz, "stream stalled")
            if len(self._pending) < frame:
                self._take(max(frame, int(self.rate_hz * BLOCK_S) * frame))
        most = max(1, int(self.rate_hz * BLOCK_S)) * frame
        whole = min(len(self._pending), most) // frame * frame
        if self._ended and not whole:
            logger.info(f"stdin ended after {self._frames / self.rate_hz:.1f} s")
            return None
        samples = self.format.decode(self._pending[:whole])
        self._pending = self._pending[whole:]
        if not np.isfinite(samples).all():
            raise not_numbers("stdin", self._frames / self.rate_hz)
        self._frames += len(samples)
        self._pace.heard(len(samples) / self.rate_hz, self._waited, self._bytes.stopped)
        self._waited = False
        return samples

    def close(self) -> None:
        """Do nothing: the descriptor belongs to whoever opened it."""

    def _take(self, most: int) -> None:
        """Add up to `most` bytes of samples that have arrived to the pending ones."""
        data = self._bytes.take(most if self._left is None else min(most, self._left))
        self._heard_at_s = self._now_s()
        self._pending += data
        self._ended = self._bytes.ended
        if self._left is not None:
            self._left -= len(data)
            if self._ended and self._left:
                logger.warning(
                    f"stdin ended {self._left / self.format.frame_bytes / self.rate_hz:.2f} s before the length that "
                    "its header gives; look for an error of the program that writes it"
                )
            elif self._left == 0:
                self._continue_behind_samples()

    def _lost_in_stall(self) -> int:
        """Return how many frames did not arrive during a stall that ends now; 0 when there was none, or none are lost.

        A writer that kept the sound delivers it at once, so the samples of a second are counted before it is decided.
        """
        if self._heard_at_s is None or not self.is_live:
            return 0
        silent_since_s = self._heard_at_s
        if self._now_s() - silent_since_s < STALL_S:
            return 0
        until_s, frame = self._now_s() + CATCH_UP_S, self.format.frame_bytes
        while not self._ended and not self._bytes.stopped():
            missing_s = self._now_s() - silent_since_s - len(self._pending) / frame / self.rate_hz
            left_s = until_s - self._now_s()
            if missing_s < LOST_S or left_s <= 0:
                break
            if self._bytes.arrives(left_s):
                self._take(1 << 16)
        missing_s = self._now_s() - silent_since_s - len(self._pending) / frame / self.rate_hz
        self._pace.lost(max(0.0, missing_s))
        return round(missing_s * self.rate_hz) if missing_s >= LOST_S else 0

    def _read_beginning(self, raw: RawPcm) -> WavFormat:
        head = self._bytes.read(12)
        if not head and not self._bytes.stopped():
            raise AudioError("stdin ended before any audio arrived; look for an error of the program that writes it")
        if may_be_mp3(head) and not raw.is_said:
            head += self._bytes.read(SNIFFED - len(head))
        elif is_text(head):
            head += self._bytes.read(TEXT_BYTES - len(head))
        self._bytes.unread(head)
        if self._bytes.stopped():  # nothing will be read, and the beginning of a beginning may look like anything
            return raw_format(raw.rate_hz, raw.channels)
        kind = kind_of(head)
        if kind == "WAV":
            return self._read_wav(raw)
        if kind == TEXT:
            raise AudioError(
                f"stdin: this is a text that begins with {beginning(head)}, not audio; "
                "look for an error of the program that writes it"
            )
        if kind:
            raise _refusal(kind)
        return raw_format(raw.rate_hz, raw.channels)

    def _read_wav(self, raw: RawPcm) -> WavFormat:
        try:
            header = read_header("stdin", self._bytes)
        except AudioError:
            if self._bytes.stopped():
                return raw_format(raw.rate_hz, raw.channels)  # nothing will be read
            raise
        if not header.format.subtype:
            raise _refusal(f"WAV with the codec {header.format.codec}")
        self.format = header.format
        self._begin_samples(header.stated)
        return header.format

    def _begin_samples(self, stated: int) -> None:
        self._stated, self._left = stated, None if gives_no_length(stated, None) else stated
        if self._left == 0:
            self._continue_behind_samples()

    def _continue_behind_samples(self) -> None:
        """Find out what stands behind the samples that the header states: the end, other chunks, or more sound."""
        odd, self._left = self._stated % 2 == 1, None
        while True:
            behind = self._bytes.read(9 if odd else 8)
            head = behind[1:] if odd and behind[:1] == b"\0" else behind
            found = follows(head[:8], self.format.big_endian, None)
            if found.what == "sound" or (found.what == "zeros" and not self._stated):
                logger.warning("stdin: sound follows behind the length that its header gives; it is heard to its end")
                self._bytes.unread(behind)  # which may begin in the middle of a frame
                return
            self._pending = self._pending[: len(self._pending) // self.format.frame_bytes * self.format.frame_bytes]
            if found.what == "data":
                self._bytes.unread(head[8:])
                self._begin_samples(found.length)
                return
            if found.what == "chunk":
                self._bytes.unread(head[8:])
                self._bytes.skip(found.length)
                odd = found.length % 2 == 1
                continue
            self._ended = True
            return


def _refusal(kind: str) -> AudioError:
    return AudioError(
        f"stdin: {kind} cannot be read from a pipe; name the file behind <, or decode it: "
        "ffmpeg -loglevel error -i - -f wav - | stapes listen DETECTOR -"
    )
