"""Where a recording ends: what the detector hears behind it, so that all of it is answered.

A score says what was `target_delay_steps` ago, so when the last sample has come, the last half second is not judged.
Every recording that ends is continued by a tail (csrc/stapes_tail.c) before the event decoder is flushed. The tail is
just long enough for every whole step of the recording to get its score; none stands for what lies behind the end, so
neither onset nor offset does.
"""

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim._native import ffi, lib
from stapes.firmware_sim.device.clock import StepClock

Samples = NDArray[np.int16]


def tail(clock: StepClock, recent: Samples) -> Samples:
    """Return int16[clock.tail_samples] that goes behind a recording, nothing where nothing was recorded.

    recent: int16[n], the end of the recording; more than `clock.tail_samples` of it makes no difference.
    """
    if not len(recent) or not clock.tail_samples:
        return np.zeros(0, np.int16)
    last = np.ascontiguousarray(recent[-clock.tail_samples :])
    out = np.empty(clock.tail_samples, np.int16)
    lib.stapes_tail(
        ffi.from_buffer("int16_t[]", last), len(last), clock.step_samples, ffi.from_buffer("int16_t[]", out), len(out)
    )
    return out


def with_tail(clock: StepClock, recording: Samples) -> Samples:
    """Return a whole recording, int16[samples], and its tail."""
    return np.concatenate([recording, tail(clock, recording)])
