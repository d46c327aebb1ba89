"""Scores to events by the C of the device: causal, integer, the same events on every target."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class EventConfig:
    """How one class's scores become events. A score is int8: probability = (score + 128) / 256; times are in steps."""

    on_score: int = 0  # an event begins when the smoothed score reaches this
    off_score: int = -26  # and ends when it falls below this; at most on_score
    smoothing_steps: int = 1  # odd; trailing median, its delay is subtracted from reported times
    min_duration_steps: int = 1  # shorter events are dropped; an event is announced once it has lasted this long
    merge_gap_steps: int = 0  # a gap of at most this many steps does not end an event
    refractory_steps: int = 0  # after an event's end no new one begins for this long
    max_duration_steps: int = (
        0  # an event is ended after this long and does not re-trigger until below off_score; 0: never
    )


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event; sample indices count from the start of the recording at the detector's rate."""

    label: str
    onset_sample: int
    offset_sample: int | None  # None while the event is announced but not yet complete
    confidence: float  # highest smoothed probability so far, 0..255/256
    sample_rate_hz: int

    @property
    def onset(self) -> float:
        """Seconds from the start of the recording."""
        return self.onset_sample / self.sample_rate_hz

    @property
    def offset(self) -> float:
        """Seconds from the start of the recording; ValueError while the event is not complete."""
        if self.offset_sample is None:
            raise ValueError(f"the offset of this {self.label} is not known yet: it is announced, not complete")
        return self.offset_sample / self.sample_rate_hz
