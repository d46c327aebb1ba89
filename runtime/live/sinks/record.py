"""The record, which is what sinks write: one line of the log."""

import json
from dataclasses import asdict, dataclass
from typing import Literal, Protocol

Kind = Literal["event", "gap", "rate", "near miss"]


@dataclass(frozen=True, kw_only=True)
class Record:
    """An event, a gap in the audio, or a rate. Times are those of the stream's clock, which gaps do not stop.

    A near miss is what a higher sensitivity would have heard. It gets a clip, and no sink receives it.
    """

    kind: Kind
    key: str  # stays the same when the record is sent again, so that a receiver can drop what it already has
    source: str  # the microphone, file or stream
    label: str  # the class; for a gap, its reason
    onset: float  # seconds
    offset: float  # seconds
    onset_sample: int  # at the detector's rate
    offset_sample: int
    utc: str | None  # time of the onset, ISO 8601; None for a recording, which does not say when it was made
    confidence: float | None = None  # for events and near misses only
    per_minute: float | None = None  # for rates only: events per minute of audio heard between onset and offset

    def as_json(self) -> str:
        """Return the record as one line of JSON, without the fields that do not apply."""
        return json.dumps(
            {name: value for name, value in asdict(self).items() if value is not None}, ensure_ascii=False
        )


class FullDiskError(OSError):
    """A sink cannot be opened now, because the disk is full; when there is room it can."""


class Sink(Protocol):
    """Where records go. A new sink is a class with these two methods, and a line in the table of targets.py."""

    def write(self, record: Record) -> None:
        """Write or send one record. May raise OSError; the record is then written later, and listening goes on."""

    def close(self) -> None:
        """Finish what is under way. Nothing is written afterwards."""
