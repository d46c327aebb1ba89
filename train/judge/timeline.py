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

LEAST_APART_S = 10  # between two recordings: more than any collar in seconds


class Timeline:
    """Where the recordings lie on the common axis, and what the device's decoder detects there under any settings."""

    def __init__(self, scores: Sequence[NDArray[np.int8]], clock: StepClock) -> None:
        """scores: int8[steps] of one class in each recording, its tail included."""
        lengths_s = [math.ceil(len(each) * clock.step_s) for each in scores]
        # No event may match one of another recording. A collar in percent is at most as long as its event.
        apart_s = max([LEAST_APART_S, *lengths_s])
        # Whole seconds, so whole microseconds and whole samples as well.
        begins_s = np.cumsum([0, *(length_s + apart_s for length_s in lengths_s)])[:-1]
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
