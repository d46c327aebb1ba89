"""The tail of a recording is the one that plain Python specifies."""

import numpy as np
import pytest
from numpy.typing import NDArray

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.tail import tail, with_tail
from stapes.firmware_sim.errors import ConfigError


def _clock(delay_steps: int, step: int, origin: int) -> StepClock:
    return StepClock(sample_rate_hz=16_000, step_samples=step, origin_samples=origin, target_delay_steps=delay_steps)


def _specified(recent: list[int], step: int, samples: int) -> list[int]:
    """Return the last of the quietest whole steps before the end, played backward and forward in turn."""
    length = min(step, len(recent))
    ends = range(len(recent), length - 1, -length)
    steps = [recent[end - length : end] for end in ends]
    quietest = min(steps, key=lambda each: length * sum(x * x for x in each) - sum(each) ** 2)
    return [(quietest[::-1] + quietest)[place % (2 * length)] for place in range(samples)]


@pytest.mark.parametrize("samples", [1, 2, 7, 8, 9, 31, 32, 33, 36, 100])
@pytest.mark.parametrize("amplitude", [0, 1, 300, 32_768])
def test_tail_vs_specification(samples: int, amplitude: int) -> None:
    clock = _clock(4, 8, 3)
    generator = np.random.default_rng(samples)
    recording = generator.integers(-amplitude, max(1, amplitude), samples).astype(np.int16)
    expected = _specified(recording.tolist()[-clock.tail_samples :], 8, clock.tail_samples)
    assert tail(clock, recording).tolist() == expected
    assert with_tail(clock, recording).tolist() == [*recording.tolist(), *expected]


def test_a_step_at_full_scale_does_not_overflow() -> None:
    """Alternation between both ends of the scale is the loudest sound; a constant offset adds no loudness."""
    clock = _clock(2, 65_535, 0)
    loudest = np.resize(np.array([-32_768, 32_767], np.int16), 65_535)
    offset = np.full(65_535, -32_768, np.int16)
    for recording in (np.concatenate([loudest, offset]), np.concatenate([offset, loudest])):
        assert set(tail(clock, recording)) == {-32_768}


@pytest.mark.parametrize(("delay_steps", "origin"), [(4, 3), (0, 3), (1, 0), (0, 0)])
def test_an_empty_recording_has_no_tail_and_any_other_a_tail_of_known_length(delay_steps: int, origin: int) -> None:
    clock = _clock(delay_steps, 8, origin)
    assert len(tail(clock, np.zeros(0, np.int16))) == 0
    one: NDArray[np.int16] = tail(clock, np.ones(1, np.int16))
    assert len(one) == clock.tail_samples == 8 * delay_steps + origin


@pytest.mark.parametrize("recording", [np.zeros(9), np.zeros(9, np.int32), np.zeros((3, 3), np.int16)])
def test_a_recording_of_another_type_or_shape_is_refused(recording: NDArray[np.int16]) -> None:
    for call in (tail, with_tail):
        with pytest.raises(ConfigError, match=r"a recording is .* of shape .*: need int16 \[samples\]"):
            call(_clock(4, 8, 3), recording)
