"""How high the scores of a class get while it is not there."""

import numpy as np

from stapes.firmware_sim.device.clock import StepClock
from stapes.runtime.labels import Annotation
from stapes.train.judge.score_levels import event_free_levels
from stapes.train.judge.scored import ScoredRecordings


def test_steps_near_an_event_of_the_class_are_left_out() -> None:
    """A step is a tenth of a second and a score two steps late; the referee is a list of steps written by hand."""
    clock = StepClock(sample_rate_hz=1000, step_samples=100, origin_samples=0, target_delay_steps=2)
    scores = np.full((60, 2), -100, np.int8)
    scores[10 + 2 : 20 + 2] = 90  # the event, from 1.0 to 2.0 s
    scores[5 + 2 : 10 + 2] = 60  # half a second before it
    scores[20 + 2 : 25 + 2] = 70  # and after it
    scores[4 + 2] = 50
    reference = {"a": [Annotation(1.0, 2.0, "bark")]}
    levels = event_free_levels(ScoredRecordings(("a",), (scores,), reference, ("bark", "hiss"), clock))
    assert levels == {"bark": [-100, 50, 50, 50], "hiss": [-100, 90, 90, 90]}


def test_a_class_that_sounds_all_the_time_has_no_levels() -> None:
    clock = StepClock(sample_rate_hz=1000, step_samples=100, origin_samples=0, target_delay_steps=0)
    reference = {"a": [Annotation(0.0, 4.0, "bark")]}
    scored = ScoredRecordings(("a",), (np.zeros((40, 2), np.int8),), reference, ("bark", "hiss"), clock)
    assert set(event_free_levels(scored)) == {"hiss"}


def test_the_time_before_a_recording_is_not_free_of_the_events_at_its_beginning() -> None:
    clock = StepClock(sample_rate_hz=1000, step_samples=100, origin_samples=0, target_delay_steps=16)
    scores = np.full((60, 1), -100, np.int8)
    scores[14:26] = 90
    scored = ScoredRecordings(("a",), (scores,), {"a": [Annotation(0.0, 1.0, "bark")]}, ("bark",), clock)
    assert event_free_levels(scored) == {"bark": [-100, -100, -100, -100]}
