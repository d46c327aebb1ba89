"""The bytes of a pipe, one after the other; waiting for them ends when somebody stops the program."""

import os
import select
from collections.abc import Callable

WAIT_S = 0.2  # longest delay until a request to stop is noticed while no byte arrives
_PIECE = 1 << 16


class PipeBytes:
    """A file descriptor that is read from beginning to end. `stopped` is asked while nothing arrives."""

    def __init__(self, descriptor: int, stopped: Callable[[], bool]) -> None:
        self._descriptor, self.stopped, self._unread = descriptor, stopped, b""
        self.ended = False

    def arrives(self, timeout_s: float) -> bool:
        """Wait at most `timeout_s` seconds; return whether bytes, or the end, have arrived."""
        return bool(self._unread) or bool(select.select([self._descriptor], [], [], timeout_s)[0])

    def take(self, most: int) -> bytes:
        """Return what has arrived, 1 to `most` bytes; wait for it if need be. Returns b"" at the end only.

        Whatever a header claims, memory is taken for _PIECE bytes only.
        """
        most = min(most, _PIECE)
        if self._unread:
            data, self._unread = self._unread[:most], self._unread[most:]
            if len(data) < most and self.arrives(0):
                data += os.read(self._descriptor, most - len(data))
        else:
            data = os.read(self._descriptor, most)
            self.ended = not data
        return data

    def read(self, count: int) -> bytes:
        """Return `count` bytes, or fewer when the pipe ends or the program is stopped."""
        parts = bytearray()
        while len(parts) < count and not self.stopped():
            if self.arrives(WAIT_S):
                more = self.take(count - len(parts))
                if not more:
                    break
                parts += more
        return bytes(parts)

    def skip(self, count: int) -> None:
        """Pass over `count` bytes, or fewer at the end, without keeping them."""
        while count > 0 and (passed := len(self.read(min(count, _PIECE)))):
            count -= passed

    def unread(self, data: bytes) -> None:
        """Put bytes back; they are the next to be read."""
        self._unread = data + self._unread
