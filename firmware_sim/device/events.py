"""Scores to events, by the event decoder of the device: causal, in integers, the same events on every target."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from stapes.firmware_sim._native import ffi, lib
from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.errors import ConfigError

_MOST_STEPS = 2**31 - 1
LAST_SAMPLE = 1 << 62  # far below what the C counts in 64 bits, with room for the longest event


@dataclass(frozen=True, kw_only=True)
class EventConfig:
    """How the scores of one class become events. probability = (score + 128) / 256; all times are in steps.

    Raises ConfigError for a setting outside its range.
    """

    on_score: int = 0  # an event begins when the smoothed score reaches this
    off_score: int = -26  # an event ends when the smoothed score falls below this; at most on_score
    smoothing_steps: int = 1  # odd; length of the trailing median, whose delay is subtracted from reported times
    min_duration_steps: int = 1  # shorter events are dropped; an event is announced once it has lasted this long
    merge_gap_steps: int = 0  # a pause of at most this many steps does not end an event
    refractory_steps: int = 0  # no event begins within this many steps after the end of another one
    # An event is ended after this many steps, and none begins before the score was below off_score; 0: no limit.
    max_duration_steps: int = 0

    def __post_init__(self) -> None:
        _require_whole_numbers(self)
        if not -127 <= self.off_score <= self.on_score <= 127:
            raise ConfigError(
                f"off_score {self.off_score} and on_score {self.on_score}: need -127 <= off_score <= on_score <= 127"
            )
        longest = lib.STAPES_MAX_SMOOTHING_STEPS
        if not 1 <= self.smoothing_steps <= longest or self.smoothing_steps % 2 == 0:
            raise ConfigError(f"smoothing_steps is {self.smoothing_steps}: need an odd number from 1 to {longest}")
        for name, least in (("min_duration_steps", 1), ("merge_gap_steps", 0), ("refractory_steps", 0)):
            if not least <= getattr(self, name) <= _MOST_STEPS:
                raise ConfigError(f"{name} is {getattr(self, name)}: need {least} to {_MOST_STEPS}")
        if self.max_duration_steps != 0 and not self.min_duration_steps <= self.max_duration_steps <= _MOST_STEPS:
            raise ConfigError(
                f"max_duration_steps is {self.max_duration_steps}: need 0 (never) or at least "
                f"min_duration_steps, which is {self.min_duration_steps}"
            )

    @property
    def smoothing(self) -> tuple[int, ...]:
        """The settings that decide how scores are smoothed."""
        return (self.smoothing_steps,)


@dataclass(frozen=True, kw_only=True, repr=False)
class Event:
    """One event; samples are counted from the start of the recording at the detector's rate."""

    label: str
    onset_sample: int
    offset_sample: int | None  # None while the event is announced but not yet complete
    confidence: float  # highest smoothed probability so far, 0..255/256
    sample_rate_hz: int

    def __repr__(self) -> str:
        """Return the event with its times in seconds, as a person reads them.

        >>> Event(label="pop", onset_sample=640, offset_sample=1664, confidence=0.75, sample_rate_hz=16000)
        Event('pop', 0.040 s to 0.104 s, confidence 0.75, samples 640 to 1664 at 16000 Hz)
        """
        end_s = "…" if self.offset_sample is None else f"{self.offset:.3f} s"
        end = "…" if self.offset_sample is None else self.offset_sample
        return (
            f"Event({self.label!r}, {self.onset:.3f} s to {end_s}, confidence {self.confidence:.2f}, "
            f"samples {self.onset_sample} to {end} at {self.sample_rate_hz} Hz)"
        )

    @property
    def onset(self) -> float:
        """Seconds from the start of the recording."""
        return self.onset_sample / self.sample_rate_hz

    @property
    def offset(self) -> float:
        """Seconds from the start of the recording. Raises ValueError while the event is not complete."""
        if self.offset_sample is None:
            raise ValueError(f"the offset of this {self.label} is not known yet: it is announced, but not complete")
        return self.offset_sample / self.sample_rate_hz


class EventDecoder:
    """The event decoder of the device (csrc/detector/stapes_events.c), for scores that arrive in blocks of any size.

    Every event is reported twice: first announced, once it has lasted long enough to be an event (offset_sample is
    None), then completed.

    >>> clock = StepClock(sample_rate_hz=16000, step_samples=512, origin_samples=128, target_delay_steps=0)
    >>> decoder = EventDecoder(["pop"], [EventConfig()], clock)
    >>> events = decoder.push(np.array([[-128], [90], [100], [-100]], np.int8)) + decoder.flush()
    >>> [(event.onset_sample, event.offset_sample) for event in events]
    [(640, None), (640, 1664)]
    """

    _STEPS_PER_CALL = 1024

    def __init__(self, classes: Sequence[str], configs: Sequence[EventConfig], clock: StepClock) -> None:
        if not classes or len(classes) != len(configs):
            raise ConfigError(f"{len(classes)} classes and {len(configs)} event settings: need one for each class")
        self._labels, self._clock = tuple(classes), clock
        self._sensitivity = dict.fromkeys(self._labels, 0)
        self._silent = tuple(label for label, config in zip(self._labels, configs, strict=True) if config == SILENT)
        self._configs = ffi.new("stapes_event_config[]", [asdict(config) for config in configs])
        self._setup = ffi.new(
            "stapes_event_setup *",
            (self._configs, len(classes), clock.step_samples, clock.origin_samples, clock.target_delay_steps),
        )
        self._classes = ffi.new("stapes_event_class[]", len(classes))
        self._events = ffi.new("stapes_events *")
        self._out = ffi.new("stapes_event[]", 2 * len(classes) * self._STEPS_PER_CALL)
        lib.stapes_events_init(self._events, self._setup, self._classes)

    def set_sensitivity(self, label: str, steps: int) -> None:
        """Move both thresholds of a class by `steps` quarters of a logit; above 0 it hears more, 0 restores them.

        They hold from the next step on and for later recordings, and stay at -127 or 127 where they would leave this
        range: the integers of stapes_set_sensitivity on the device (csrc/detector/stapes_sensitivity.c).
        Raises ConfigError for an unknown class, and for steps that are no whole number of 32 bits.
        """
        if label not in self._labels:
            raise ConfigError(f"no class is called {label!r}: choose from {', '.join(self._labels)}")
        if isinstance(steps, bool) or not isinstance(steps, int) or not -_MOST_STEPS <= steps <= _MOST_STEPS:
            raise ConfigError(f"the sensitivity of {label} is {steps!r}: need a whole number of steps, such as -2")
        lib.stapes_events_set_sensitivity(self._events, self._labels.index(label), steps)
        self._sensitivity[label] = steps

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels, in the order of the columns of scores."""
        return self._labels

    @property
    def silent(self) -> tuple[str, ...]:
        """The classes that never give an event, whatever their sensitivity is."""
        return self._silent

    @property
    def sensitivity(self) -> Mapping[str, int]:
        """The sensitivity of each class in steps; 0 where `set_sensitivity` changed nothing."""
        return MappingProxyType(self._sensitivity)

    @property
    def thresholds(self) -> tuple[tuple[int, int], ...]:
        """The scores (on_score, off_score) of each class that hold now."""
        return tuple((state.on_score, state.off_score) for state in self._classes)

    def push(self, scores: np.ndarray) -> list[Event]:
        """Return the events that were announced or completed in these steps, in order; scores: int8[steps, classes]."""
        scores = np.asarray(scores)
        if scores.dtype != np.int8 or scores.ndim != 2 or scores.shape[1] != len(self._labels):
            raise ConfigError(
                f"scores are {scores.dtype} of shape {scores.shape}: need int8 [steps, {len(self._labels)}]"
            )
        found: list[Event] = []
        for start in range(0, len(scores), self._STEPS_PER_CALL):
            block = np.ascontiguousarray(scores[start : start + self._STEPS_PER_CALL])
            pointer = ffi.from_buffer("int8_t[]", block)
            found += self._read(lib.stapes_events_push(self._events, pointer, len(block), self._out))
        return found

    def flush(self) -> list[Event]:
        """End the recording: return the events that this completes. The next push begins a new one at sample 0."""
        found: list[Event] = []
        while written := lib.stapes_events_flush(self._events, self._out):
            found += self._read(written)
        self.reset()
        return found

    def reset(self, first_sample: int = 0) -> None:
        """Forget everything. The first frame of the next step begins at first_sample.

        Raises ConfigError for a sample that is no whole number from 0 to 2^62.
        """
        if isinstance(first_sample, bool) or not isinstance(first_sample, int) or not 0 <= first_sample <= LAST_SAMPLE:
            raise ConfigError(f"first_sample is {first_sample!r}: need a whole number from 0 to {LAST_SAMPLE}")
        lib.stapes_events_restart(self._events, first_sample)

    def _read(self, written: int) -> list[Event]:
        return [
            Event(
                label=self._labels[one.class_index],
                onset_sample=one.onset_sample,
                offset_sample=one.offset_sample if one.kind == lib.STAPES_EVENT_COMPLETED else None,
                confidence=probability(one.confidence),
                sample_rate_hz=self._clock.sample_rate_hz,
            )
            for one in self._out[0:written]
        ]


@overload
def probability(scores: int) -> float: ...
@overload
def probability(scores: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]: ...
def probability(scores: int | npt.NDArray[np.int8]) -> float | npt.NDArray[np.float64]:
    """Return the probabilities, 0 to 255/256, that int8 scores stand for."""
    exact = scores if isinstance(scores, int) else scores.astype(np.float64)
    return (exact + 128) / 256


def completed(events: Iterable[Event]) -> list[Event]:
    """Return the completed events in order of onset, without the announcements."""
    done = [event for event in events if event.offset_sample is not None]
    return sorted(done, key=lambda event: (event.onset_sample, event.label))


def _require_whole_numbers(settings: Any) -> None:
    for field in fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ConfigError(f"{field.name} is {value!r}: need an int")


# The setting of a class that never gives an event: no sound lasts for 2^31 steps, which are years.
SILENT = EventConfig(on_score=127, off_score=127, min_duration_steps=_MOST_STEPS)
