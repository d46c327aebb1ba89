"""Makes records of what happens in the live loop."""

import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from stapes.firmware_sim.device.events import Event
from stapes.runtime.live.listen import Update
from stapes.runtime.live.rate import RateWindow
from stapes.runtime.live.sinks.record import Kind, Record
from stapes.runtime.live.source import Source
from stapes.runtime.utc import utc_text


def heard_unix_s(source: Source) -> float | None:
    """Return when the last sample of a source was heard, in seconds since 1970; None for a recording."""
    return time.time() - source.lag_s if source.is_live else None


class Log:
    """Makes numbered records of updates, with times on the stream's clock and, for live sound, in UTC."""

    def __init__(self, source: str, sample_rate_hz: int) -> None:
        self._source, self._rate_hz = source, sample_rate_hz
        self._session, self._number = uuid.uuid4().hex, 0

    def records(self, update: Update, now_unix_s: float | None) -> list[Record]:
        """Return records of the update's complete events and of its gap.

        Its last sample was heard at `now_unix_s`; None: that is not known, and the records have no UTC.
        """
        self._now_unix_s, self._now_sample = now_unix_s, update.end_sample
        found = self._complete("event", update.events)
        if update.gap is not None:
            found.append(self._record("gap", update.gap.reason, update.start_sample, update.end_sample))
        return found

    def near_misses(self, update: Update, near_misses: Sequence[Event], now_unix_s: float | None) -> list[Record]:
        """Return records of near misses that were completed with an update, whose last sample was heard then."""
        self._now_unix_s, self._now_sample = now_unix_s, update.end_sample
        return self._complete("near miss", near_misses)

    def rates(self, window: RateWindow) -> list[Record]:
        """Return a record of the rate of each class."""
        return [
            self._record("rate", label, window.onset_sample, window.offset_sample, per_minute=rate)
            for label, rate in window.per_minute.items()
        ]

    def _complete(self, kind: Kind, events: Sequence[Event]) -> list[Record]:
        return [
            self._record(kind, event.label, event.onset_sample, event.offset_sample, confidence=event.confidence)
            for event in events
            if event.offset_sample is not None
        ]

    def _record(self, kind: Kind, label: str, onset: int, offset: int, **figures: float) -> Record:
        self._number += 1
        age_s = (self._now_sample - onset) / self._rate_hz
        now_s = self._now_unix_s
        return Record(
            kind=kind,
            key=f"{self._session}-{self._number}",
            source=self._source,
            label=label,
            onset=onset / self._rate_hz,
            offset=offset / self._rate_hz,
            onset_sample=onset,
            offset_sample=offset,
            utc=None if now_s is None else utc_text(datetime.fromtimestamp(now_s - age_s, UTC)),
            **figures,
        )
