"""The sensitivity of a class moves its thresholds by quarters of a logit, in integers, while the detector runs."""

import math
from fractions import Fraction

import numpy as np
import pytest

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.events import EventConfig, EventDecoder
from stapes.firmware_sim.errors import ConfigError

CLOCK = StepClock(sample_rate_hz=1000, step_samples=10, origin_samples=0, target_delay_steps=0)
SCORES = range(-127, 128)


def logit(score: int) -> int:
    """Return the logit of a score in units of 1/4096, rounded as the table of the C is."""
    odds = Fraction(128 + score, 128 - score)
    return round(4096 * math.log(odds))


LOGITS = {score: logit(score) for score in SCORES}


def specified(threshold: int, steps: int) -> int:
    """Return the threshold whose logit is nearest; of two the lower."""
    wanted = LOGITS[threshold] - 1024 * steps
    return min(SCORES, key=lambda score: (abs(LOGITS[score] - wanted), score))


def moved(threshold: int, steps: int) -> int:
    decoder = EventDecoder(["x"], [EventConfig(on_score=threshold, off_score=-127)], CLOCK)
    decoder.set_sensitivity("x", steps)
    return decoder.thresholds[0][0]


@pytest.mark.parametrize("steps", [-(2**31) + 1, -46, -45, -44, -17, -3, -1, 0, 1, 2, 4, 21, 44, 45, 46, 2**31 - 1])
def test_every_threshold_moves_as_a_python_specification_says(steps: int) -> None:
    limited = max(-1000, min(1000, steps))  # far beyond both ends
    assert [moved(threshold, steps) for threshold in SCORES] == [specified(threshold, limited) for threshold in SCORES]


def test_more_sensitivity_never_hears_less_and_off_stays_at_most_on() -> None:
    for threshold in SCORES:
        down = [moved(threshold, steps) for steps in range(-46, 47)]
        assert down == sorted(down, reverse=True)
        assert (down[0], down[46], down[-1]) == (127, threshold, -127)
    for steps in (-20, -1, 1, 20):
        along = [moved(threshold, steps) for threshold in SCORES]
        assert along == sorted(along)  # so off_score <= on_score is kept


def test_the_documented_steps_lead_to_the_documented_probabilities() -> None:
    assert [round((moved(0, steps) + 128) / 256, 2) for steps in (-1, 1, 2, 4)] == [0.56, 0.44, 0.38, 0.27]


def reports(decoder: EventDecoder, scores: list[int]) -> list[tuple[int, int | None]]:
    events = decoder.push(np.array(scores, np.int8).reshape(-1, 1))
    return [(event.onset_sample // 10, event.offset_sample and event.offset_sample // 10) for event in events]


def test_it_holds_from_the_next_step_on_and_closes_no_open_event() -> None:
    decoder = EventDecoder(["x"], [EventConfig(on_score=40, off_score=0)], CLOCK)
    assert reports(decoder, [-128, 20, 50]) == [(2, None)]
    decoder.set_sensitivity("x", 4)
    assert reports(decoder, [-40]) == []  # below the old off_score, above the new one
    decoder.set_sensitivity("x", 0)
    assert reports(decoder, [1, -1]) == [(2, 5)]  # the thresholds of the operating point hold again
    decoder.set_sensitivity("x", 2)
    assert reports(decoder, [20, -128]) == [(6, None), (6, 7)]


def test_it_remains_for_the_next_recording_and_touches_no_other_class() -> None:
    decoder = EventDecoder(["x", "y"], [EventConfig(), EventConfig(on_score=9, off_score=9)], CLOCK)
    decoder.set_sensitivity("y", -3)
    decoder.reset()
    decoder.flush()
    assert decoder.thresholds == ((0, -26), (specified(9, -3), specified(9, -3)))
    assert dict(decoder.sensitivity) == {"x": 0, "y": -3}


def test_a_class_that_is_not_there_and_half_a_step_are_named() -> None:
    decoder = EventDecoder(["rooster", "hen"], [EventConfig(), EventConfig()], CLOCK)
    with pytest.raises(ConfigError, match="no class is called 'cock': choose from rooster, hen"):
        decoder.set_sensitivity("cock", 1)
    for steps in (0.5, 2**31, True):
        with pytest.raises(ConfigError, match="the sensitivity of rooster is"):
            decoder.set_sensitivity("rooster", steps)  # type: ignore[arg-type]
