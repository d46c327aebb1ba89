"""The events that one class's scores make under many settings, by the event decoder of the device.

The C of it is csrc/detector/host/stapes_event_sweep.c.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim._native import ffi, lib
from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.events import EventConfig
from stapes.firmware_sim.errors import ConfigError

_EVENT = np.dtype(
    [("onset", "i8"), ("offset", "i8"), ("setting", "i4"), ("confidence", "i1"), ("kind", "u1")], align=True
)  # stapes_event of stapes_events_api.h


def smoothed(scores: NDArray[np.int8], config: EventConfig) -> NDArray[np.int8]:
    """Return int8[steps]: what the decoder compares with its thresholds, at the step that it belongs to.

    scores: int8[steps] of one class in one recording.
    """
    _require_column(scores)
    out = np.empty(len(scores), np.int8)
    lib.stapes_event_smooth(_configs([config]), _int8(scores), len(scores), ffi.from_buffer("int8_t[]", out))
    return out


class EventSweep:
    """The scores of one class in some recordings, to be decoded under any number of settings.

    scores: int8[steps] of each recording; first_samples: where each begins on a time axis that they share.

    >>> clock = StepClock(sample_rate_hz=16000, step_samples=512, origin_samples=128, target_delay_steps=0)
    >>> sweep = EventSweep([np.array([-128, 90, 100, -100], np.int8)], [16000], clock)
    >>> [events.tolist() for events in sweep.events([EventConfig(), EventConfig(on_score=95)])]
    [[[16640, 17664]], [[17152, 17664]]]
    """

    def __init__(self, scores: Sequence[NDArray[np.int8]], first_samples: Sequence[int], clock: StepClock) -> None:
        if len(scores) != len(first_samples):
            raise ConfigError(
                f"scores of {len(scores)} recordings and {len(first_samples)} first samples: need one of each"
            )
        for each in scores:
            _require_column(each)
        self._clock = clock
        self._smoothed = ffi.new("int8_t[]", sum(map(len, scores)))
        self._kept = (  # the column only points to these
            _int8(np.concatenate(scores)) if scores else ffi.NULL,
            ffi.new("int32_t[]", [len(each) for each in scores]),
            ffi.new("int64_t[]", [int(each) for each in first_samples]),
        )
        self._column = ffi.new("stapes_score_column *", (*self._kept, len(scores)))
        self._room = 1024

    def events(self, configs: Sequence[EventConfig]) -> list[NDArray[np.int64]]:
        """Return the complete events under each setting, int64[events, 2]: first sample, and first sample after it.

        They lie on the common time axis, in order of recording and time. Raises ConfigError for settings that do not
        share one smoothing.
        """
        if len({config.smoothing for config in configs}) > 1:
            raise ConfigError(
                "the settings of a sweep differ in their smoothing: sweep those of each one by themselves"
            )
        kept = _configs(configs)
        clock = self._clock
        setup = ffi.new(
            "stapes_event_setup *",
            (kept, len(configs), clock.step_samples, clock.origin_samples, clock.target_delay_steps),
        )
        while True:
            out = np.empty(self._room, _EVENT)
            pointer = ffi.cast("stapes_event *", ffi.from_buffer(out))
            found = lib.stapes_event_sweep(setup, self._column, self._smoothed, pointer, self._room)
            if found <= self._room:
                break
            self._room = found
        out = out[:found]
        ends = np.searchsorted(out["setting"], np.arange(len(configs)), side="right")
        return np.split(np.stack([out["onset"], out["offset"]], axis=1), ends)[:-1]


def _configs(configs: Sequence[EventConfig]) -> ffi.CData:
    return ffi.new("stapes_event_config[]", [vars(config) for config in configs])


def _int8(scores: NDArray[np.int8]) -> ffi.CData:
    return ffi.from_buffer("int8_t[]", np.ascontiguousarray(scores))


def _require_column(scores: NDArray[np.int8]) -> None:
    if scores.dtype != np.int8 or scores.ndim != 1:
        raise ConfigError(f"scores are {scores.dtype} of shape {scores.shape}: need int8 [steps]")
