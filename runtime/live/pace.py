"""Whether the sound of a stream is heard as it happens, and playing a recording as slowly as it sounds."""

import time
from collections.abc import Callable

AHEAD_S = 1.5  # sound that comes faster than this allows is no live sound, or is late; programs deliver up to a second
DRIFT = 1.01  # clocks of sound cards differ by far less than this


class Pace:
    """Compares the sound that was heard with the clock.

    is_paced: wait until as much time has passed as was heard, as if a microphone heard the recording now.
    is_file: the stream is a file, which is no live sound unless it is paced.

    A pipe is live once its reader has to wait for sound, and while sound does not come faster than time passes.
    """

    def __init__(
        self,
        is_paced: bool = False,
        is_file: bool = False,
        now_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._is_paced, self._is_file, self._now_s, self._sleep = is_paced, is_file, now_s, sleep
        self._begun_s = self._last_s = 0.0
        self._heard_s = self._unwaited_s = self._ahead_s = 0.0
        self._held_back_s = 0.0  # the last wait: so much sound may come at once
        self._has_waited = False

    @property
    def is_live(self) -> bool:
        """Whether the newest sound was heard as it happened, so that the clock tells when that was."""
        if self._is_paced or self._is_file:
            return self._is_paced
        return self._has_waited and max(self._unwaited_s, self._ahead_s) <= AHEAD_S

    def heard(self, seconds: float, waited: bool, stopped: Callable[[], bool]) -> None:
        """Count sound that was read; `waited`: it was not there yet when it was asked for.

        With `is_paced`, wait until it would have sounded, or until `stopped()`.
        """
        now_s = self._now_s()
        if not self._heard_s:  # the first wait is for the program that writes to start
            self._begun_s = self._last_s = now_s
        elif waited:
            self._unwaited_s = 0.0
            self._ahead_s *= self._has_waited  # what was in the pipe at the beginning is no haste
            # Nor is sound that catches up what a stall held back. A shorter wait is one between parts of that sound.
            if self._has_waited and now_s - self._last_s >= seconds:
                self._held_back_s = now_s - self._last_s
            self._has_waited = True
        self._ahead_s = max(-self._held_back_s, self._ahead_s + seconds - DRIFT * (now_s - self._last_s))
        self._unwaited_s += seconds
        self._heard_s += seconds
        self._last_s = now_s
        while self._is_paced and (wait_s := self._begun_s + self._heard_s - self._now_s()) > 0 and not stopped():
            self._sleep(min(wait_s, 0.2))

    def lost(self, seconds: float) -> None:
        """Count sound that never arrived."""
        self._heard_s += seconds
