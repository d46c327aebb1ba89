"""The tail: samples that are appended to a recording that ends, so that all of it is scored.

A score stands for the sound of `target_delay_steps` steps before, so the last half second of a recording would get no
score. Therefore a tail (csrc/detector/stapes_tail.c) continues every recording before the event decoder is flushed. It
is just long enough for every whole step of the recording to get its score. No score stands for sound behind the end, so
no onset or offset lies there.
"""

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim._native import ffi, lib
from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.errors import ConfigError

Samples = NDArray[np.int16]


def tail(clock: StepClock, recent: Samples) -> Samples:
    """Return the tail of a recording, int16[clock.tail_samples], or no samples when nothing was recorded.

    `recent` is the end of the recording, int16[n]; only its last `clock.tail_samples` make a difference. Raises
    ConfigError for another type or shape.
    """
    if recent.dtype != np.int16 or recent.ndim != 1:
        raise ConfigError(f"a recording is {recent.dtype} of shape {recent.shape}: need int16 [samples]")
    if not len(recent) or not clock.tail_samples:
        return np.zeros(0, np.int16)
    last = np.ascontiguousarray(recent[-clock.tail_samples :])
    out = np.empty(clock.tail_samples, np.int16)
    lib.stapes_tail(
        ffi.from_buffer("int16_t[]", last), len(last), clock.step_samples, ffi.from_buffer("int16_t[]", out), len(out)
    )
    return out


def with_tail(clock: StepClock, recording: Samples) -> Samples:
    """Return a whole recording, int16[samples], with its tail appended. Raises ConfigError as `tail` does."""
    return np.concatenate([recording, tail(clock, recording)])
