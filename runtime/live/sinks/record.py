"""What a sink is given: one line of the log."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol


@dataclass(frozen=True, kw_only=True)
class Record:
    """An event, a gap in the audio, or a rate. Times are on the stream's clock, which gaps do not stop."""

    kind: Literal["event", "gap", "rate"]
    key: str  # the same whenever this record is sent again: a receiver can drop what it has already
    source: str  # the microphone, file or stream
    label: str  # the class; of a gap, its reason
    onset: float  # seconds
    offset: float  # seconds
    onset_sample: int  # at the detector's rate
    offset_sample: int
    utc: str  # wall clock at the onset, ISO 8601
    confidence: float | None = None  # of an event
    per_minute: float | None = None  # of a rate: events per minute of audio heard between onset and offset

    def as_json(self) -> str:
        """One line of JSON; what does not apply is left out."""
        return json.dumps(
            {name: value for name, value in asdict(self).items() if value is not None}, ensure_ascii=False
        )


class Sink(Protocol):
    """Where records go. A class with these two methods is all that a sink of your own needs."""

    def write(self, record: Record) -> None:
        """Keep or send one record. OSError where it cannot; listening goes on."""

    def close(self) -> None:
        """Finish what is under way; nothing is written after it."""


def utc_text(unix_s: float) -> str:
    """ISO 8601 with milliseconds.

    >>> utc_text(0.25)
    '1970-01-01T00:00:00.250Z'
    """
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
