"""Training targets: the share of each step that an event covers, at the step whose score is for that time."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stapes.firmware_sim.device.clock import StepClock
from stapes.train.learn.targets import step_targets


def clock(target_delay_steps: int) -> StepClock:
    return StepClock(sample_rate_hz=1000, step_samples=100, origin_samples=50, target_delay_steps=target_delay_steps)


def test_targets_are_the_share_of_each_step_that_the_event_covers_delayed() -> None:
    targets = step_targets(clock(2), 8, np.array([[150, 275, 0], [400, 410, 1]]), n_classes=2)
    # Step k stands for the samples from 50 + 100 (k - 2) on: 150..275 is all of step 3 and a quarter of step 4.
    np.testing.assert_allclose(targets[:, 0], [0, 0, 0, 1, 0.25, 0, 0, 0])
    # An event shorter than half a step still has one step of its own.
    np.testing.assert_allclose(targets[:, 1], [0, 0, 0, 0, 0, 0.5, 0, 0])


def test_a_recording_shorter_than_the_delay_has_targets_of_nothing() -> None:
    np.testing.assert_array_equal(step_targets(clock(4), 2, np.array([[60, 200, 0]]), n_classes=1), np.zeros((2, 1)))


@settings(max_examples=300)
@given(st.integers(0, 1200), st.integers(1, 700), st.integers(1, 12), st.integers(1, 5))
def test_targets_vs_counting_samples(onset: int, length: int, n_steps: int, delay: int) -> None:
    """The referee counts the samples of the event in every step of a sound long enough to hold all of it."""
    shares = [
        sum(onset <= sample < onset + length for sample in range(50 + 100 * step, 150 + 100 * step)) / 100
        for step in range(20)
    ]
    if max(shares) > 0:
        longest = shares.index(max(shares))
        shares[longest] = max(shares[longest], 0.5)
    targets = step_targets(clock(delay), n_steps, np.array([[onset, onset + length, 0]]), n_classes=1)
    np.testing.assert_allclose(targets[:, 0], ([0.0] * delay + shares)[:n_steps], rtol=0, atol=1e-7)
