"""One class in many recordings, laid one after another on a common time axis, so that all are matched in one go."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.event_sweep import EventSweep
from stapes.firmware_sim.device.events import EventConfig
from stapes.runtime.labels import Annotation
from stapes.train.judge.intersection import Times
from stapes.train.judge.metrics import microseconds

APART_S = 10  # between two recordings: more than any collar, so that no event matches one of another recording


class Timeline:
    """Where the recordings lie on the common axis, and what the device's decoder detects there under any settings."""

    def __init__(self, scores: Sequence[NDArray[np.int8]], clock: StepClock) -> None:
        """scores: int8[steps] of one class in each recording, its tail included."""
        lengths_s = [math.ceil(len(each) * clock.step_s) + APART_S for each in scores]
        begins_s = np.cumsum([0, *lengths_s])[:-1]  # whole seconds, so whole microseconds and whole samples as well
        self._begins = 1_000_000 * begins_s
        self._sample_rate_hz = clock.sample_rate_hz
        self._sweep = EventSweep(scores, (begins_s * clock.sample_rate_hz).tolist(), clock)

    def place(self, events: Sequence[Annotation], recordings: NDArray[np.int64]) -> Times:
        """Return the times of events on the common axis; recordings: int64[events], the index of each one's."""
        return self._begins[recordings, None] + microseconds(events)

    def recording_at(self, times: Times) -> NDArray[np.int64]:
        """Return int64[events]: the index of the recording in which each event begins."""
        return np.searchsorted(self._begins, times[:, 0], side="right") - 1

    def detect(self, configs: Sequence[EventConfig]) -> list[Times]:
        """Return what the decoder of the device detects under each setting, in order of time."""
        to_microseconds = 1e6 / self._sample_rate_hz
        return [np.rint(events * to_microseconds).astype(np.int64) for events in self._sweep.events(configs)]
