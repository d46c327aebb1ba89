"""The results of a run: a row per event, summaries per recording and per hour, label tracks."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from stapes.runtime.batch.activity import Hours
from stapes.runtime.batch.detect import EventTable, open_table
from stapes.runtime.batch.hearing import Outcome
from stapes.runtime.batch.tracks import Check, Tracks
from stapes.runtime.labels import Annotation
from stapes.runtime.utc import utc_text


@dataclass(frozen=True)
class Tables:
    """The files of a run: OUT.csv, OUT.files.csv, OUT.hours.csv, OUT.check.csv and OUT.tracks/."""

    out: Path

    @property
    def files(self) -> Path:
        """A row per recording."""
        return self.out.with_name(f"{self.out.stem}.files{self.out.suffix}")

    @property
    def hours(self) -> Path:
        """A row per hour of the clock."""
        return self.out.with_name(f"{self.out.stem}.hours{self.out.suffix}")

    @property
    def check(self) -> Path:
        """The events that a person should check."""
        return self.out.with_name(f"{self.out.stem}.check{self.out.suffix}")

    @property
    def tracks(self) -> Path:
        """The folder of label tracks, one per recording, named after it."""
        return self.out.with_name(f"{self.out.stem}.tracks")

    @property
    def journal(self) -> Path:
        """The journal, which exists only while the run is not complete."""
        return self.out.with_name(f"{self.out.name}.progress")


@dataclass
class Totals:
    """The totals of a run."""

    recordings: int = 0
    seconds: float = 0.0
    events: int = 0
    clipped: int = 0  # recordings with samples louder than full scale
    without_start: int = 0  # recordings whose start is unknown
    unreadable: list[str] = field(default_factory=list)  # what could not be read and why
    doubts: list[str] = field(default_factory=list)  # start times that may be wrong and why


@dataclass(frozen=True)
class TableSettings:
    """Settings of the tables, and the collectors that are filled while the events are written."""

    classes: Sequence[str]
    sample_rate_hz: int
    hours: Hours
    tracks: Tracks | None
    check: Check | None


HEADER = ("filename", "onset", "offset", "event_label", "confidence", "utc")


def write_tables(tables: Tables, settings: TableSettings, outcomes: Iterable[Outcome]) -> Totals:
    """Write every table from the outcomes. Each appears under its name only when it is complete.

    Raises OutputError when a file cannot be written.
    """
    totals = Totals()
    row = _Rows("\t" if tables.out.suffix == ".tsv" else ",").row
    with _table(tables.out) as write_event, _table(tables.files) as write_file:
        write_event(row(HEADER))
        write_file(row(["filename", "utc", "seconds", "events", "per_minute", *settings.classes, "problem"]))
        for outcome in outcomes:
            events = list(annotations(outcome, settings.sample_rate_hz))
            rows = [_event_row(outcome, event) for event in events]
            write_event("".join(map(row, rows)))
            write_file(row(_file_row(outcome, events, settings.classes)))
            _count(totals, settings.hours, outcome, events)
            if settings.check:
                settings.check.add(zip(rows, events, strict=True))
            elif settings.tracks and not outcome.error:
                settings.tracks.write(outcome.found.name, events)
    if settings.check:
        _write_check(tables.check, settings.check, settings.tracks, row)
    if settings.hours.counts:
        with _table(tables.hours) as write:
            for line in settings.hours.rows():
                write(row(line))
    else:
        tables.hours.unlink(missing_ok=True)  # left by the run that --force replaces
    return totals


def _write_check(path: Path, check: Check, tracks: Tracks | None, row: Callable[[Iterable[object]], str]) -> None:
    recordings: dict[str, list[Annotation]] = {}
    with _table(path) as write:
        write(row([*HEADER, "check"]))
        for why, fields, event in check.chosen():
            write(row([*fields, why]))
            recordings.setdefault(fields[0], []).append(event)
    if tracks:
        for name, events in recordings.items():
            tracks.write(name, sorted(events, key=lambda event: event.onset))


def _table(path: Path) -> AbstractContextManager[Callable[[str], object]]:
    return open_table(EventTable(path, "csv", force=True))


def annotations(outcome: Outcome, sample_rate_hz: int) -> Iterator[Annotation]:
    """Yield the events of an outcome, in seconds from the start of the recording."""
    for onset, offset, label, confidence in outcome.events:
        yield Annotation(onset / sample_rate_hz, offset / sample_rate_hz, label, confidence)


class _Rows:
    """Formats rows as lines of CSV with one delimiter."""

    def __init__(self, delimiter: str) -> None:
        self._text = io.StringIO()
        self._writer = csv.writer(self._text, delimiter=delimiter, lineterminator="\n")

    def row(self, fields: Iterable[object]) -> str:
        self._text.seek(0)
        self._text.truncate()
        self._writer.writerow(fields)
        return self._text.getvalue()


def _event_row(outcome: Outcome, event: Annotation) -> list[str]:
    start = outcome.start.utc if outcome.start else None
    return [
        outcome.found.name,
        f"{event.onset:.3f}",
        f"{event.offset:.3f}",
        event.label,
        f"{event.confidence:.3f}",
        utc_text(start + timedelta(seconds=event.onset)) if start else "",
    ]


def _file_row(outcome: Outcome, events: Sequence[Annotation], classes: Sequence[str]) -> list[object]:
    minutes = outcome.seconds / 60
    return [
        outcome.found.name,
        utc_text(outcome.start.utc) if outcome.start else "",
        f"{outcome.seconds:.3f}",
        len(events),
        f"{len(events) / minutes:.3f}" if minutes else "",
        *(sum(event.label == label for event in events) for label in classes),
        outcome.error,
    ]


def _count(totals: Totals, hours: Hours, outcome: Outcome, events: Sequence[Annotation]) -> None:
    totals.recordings += 1
    totals.seconds += outcome.seconds
    totals.events += len(events)
    totals.clipped += outcome.clipped > 0
    if outcome.error:
        where = f" [on {outcome.host}]" if outcome.host else ""
        totals.unreadable.append(f"{outcome.found.name}: {outcome.error}{where}")
    elif outcome.start is None:
        totals.without_start += 1
    else:
        hours.add(outcome.start.utc, outcome.seconds, [(event.onset, event.label) for event in events])
        if outcome.start.doubt:
            totals.doubts.append(f"{outcome.found.name}: {outcome.start.doubt}")
