"""A microphone that is lost and comes back: it is reported, marked as a gap, and the clock includes the gap."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from stapes.firmware_sim.errors import AudioError
from stapes.runtime.live.reconnect import FIRST_WAIT_S, IDENTITY_S, LONGEST_WAIT_S, NO_DATA_S, Reconnecting
from stapes.runtime.live.source import Block, Gap

BLOCK = np.zeros((320, 1), np.float32)
NOTHING = np.zeros((0, 1), np.float32)


class Clock:
    """Time that only the test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class FakeMicrophone:
    name, rate_hz, lag_s, dropped_s = "fake", 16_000, 0.0, 0.0

    def __init__(self) -> None:
        self.active, self.closed = True, False
        self.next: Callable[[], Block | Gap] = lambda: BLOCK

    def read(self, timeout_s: float) -> Block | Gap:
        return self.next()

    def close(self) -> None:
        self.closed = True


def _unanticipated() -> Block:
    raise OSError(-9999, "Unanticipated host error")


def _silent(microphone: FakeMicrophone, clock: Clock) -> None:
    microphone.next = lambda: NOTHING
    clock.now_s += NO_DATA_S + 0.1


def _inactive(microphone: FakeMicrophone, clock: Clock) -> None:
    microphone.next, microphone.active = lambda: NOTHING, False


def _failing(microphone: FakeMicrophone, clock: Clock) -> None:
    microphone.next = _unanticipated


@pytest.mark.parametrize(
    ("fail", "reason"),
    [(_silent, "no audio for 2 s"), (_inactive, "stopped"), (_failing, "Unanticipated host error")],
)
def test_every_way_to_lose_a_microphone_ends_in_a_marked_gap_as_long_as_it_was_away(
    fail: Callable[[FakeMicrophone, Clock], None], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock, microphones, gone = Clock(), [FakeMicrophone()], []
    refusals = itertools.cycle([AudioError("no microphone found"), OSError(-9999, "Unanticipated host error")])

    def connect() -> FakeMicrophone:
        if gone:
            raise next(refusals)
        return microphones[-1]

    source = Reconnecting(connect, clock, identity=lambda: None)  # type: ignore[arg-type]
    assert len(source.read(0)) == 320
    heard_last_s = clock.now_s
    fail(microphones[-1], clock)
    lost = source.read(0)
    assert isinstance(lost, Gap)
    assert lost.lost_frames == 0, "open events are completed at once"
    assert reason in lost.reason
    assert microphones[-1].closed
    assert source.lag_s == pytest.approx(clock.now_s - heard_last_s), "the age of the last sound"

    gone.append(True)
    pauses = []
    while sum(pauses) < 100:  # the back-off doubles up to its longest
        before_s = clock.now_s
        clock.now_s = source._next_try_s
        assert len(source.read(0)) == 0
        pauses.append(clock.now_s - before_s)
    assert pauses[:4] == pytest.approx([FIRST_WAIT_S * 2**k for k in range(4)])
    assert max(pauses) == pytest.approx(LONGEST_WAIT_S)

    gone.clear()
    microphones.append(FakeMicrophone())
    clock.now_s = source._next_try_s
    back = source.read(0)
    assert back == Gap(round((clock.now_s - heard_last_s) * 16_000), 16_000, "microphone away")
    assert len(source.read(0)) == 320
    assert source.reconnections == 1
    message = caplog.text
    assert "microphone 'fake' lost" in message
    assert "is back after" in message


def test_a_short_pause_of_the_driver_is_not_a_loss() -> None:
    clock, microphone = Clock(), FakeMicrophone()
    source = Reconnecting(lambda: microphone, clock, identity=lambda: None)  # type: ignore[arg-type, return-value]
    source.read(0)
    microphone.next = lambda: NOTHING
    clock.now_s += NO_DATA_S - 0.1
    assert len(source.read(0)) == 0
    microphone.next = lambda: BLOCK
    assert len(source.read(0)) == 320
    assert not microphone.closed


def test_a_stream_that_is_moved_to_another_microphone_is_marked() -> None:
    clock, names = Clock(), ["built-in"]
    source = Reconnecting(FakeMicrophone, clock, identity=lambda: names[-1])  # type: ignore[arg-type]
    assert len(source.read(0)) == 320
    names.append("webcam")
    assert len(source.read(0)) == 320, "the server is not asked for every block"
    clock.now_s += IDENTITY_S
    assert source.read(0) == Gap(320, 16_000, "moved from built-in to webcam")
    clock.now_s += IDENTITY_S
    assert len(source.read(0)) == 320


def test_no_microphone_at_the_start_is_an_error() -> None:
    def connect() -> FakeMicrophone:
        raise AudioError("no microphone found; plug one in")

    with pytest.raises(AudioError, match="no microphone found"):
        Reconnecting(connect)  # type: ignore[arg-type]
