"""Searches a folder of recordings: lists them, has the remaining ones searched and writes the results."""

import logging
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from stapes.firmware_sim.device.events import EventDecoder
from stapes.firmware_sim.device.folder import read_folder
from stapes.firmware_sim.errors import ConfigError, OutputError, ToolchainError
from stapes.firmware_sim.outputs import require_new_file
from stapes.runtime.batch.activity import Hours, draw_activity, require_picture
from stapes.runtime.batch.hearing import Job, Outcome
from stapes.runtime.batch.journal import Journal
from stapes.runtime.batch.listing import RecordingFile, is_url, list_recordings
from stapes.runtime.batch.recording_times import StartClock, zone
from stapes.runtime.batch.scheduler_address import require_scheduler_address
from stapes.runtime.batch.tables import Tables, TableSettings, Totals, write_tables
from stapes.runtime.batch.tracks import Check, Tracks
from stapes.runtime.batch.workers import LocalProcesses, Workers, hear_all, in_groups
from stapes.runtime.console import Progress
from stapes.runtime.sensitivity import set_sensitivity

logger = logging.getLogger(__name__)

LISTED = 20  # at most this many unreadable recordings are logged by name; OUT.files names all of them


@dataclass(frozen=True)
class BatchSettings:
    """What is searched, with which detector, and where the results are written."""

    detector: Path
    folder: str  # a path, or a URL that fsspec reads
    out: Path  # .csv or .tsv
    engine: str = "auto"
    sensitivity: Mapping[str, int] = field(default_factory=dict)  # class -> steps
    channel: int | None = None  # counted from 1; None: the mean of all channels
    jobs: int | None = None  # number of processes; None: one per processor that this process may use
    scheduler: str | None = None  # address of a Dask scheduler, whose workers then replace local processes
    clock: StartClock = field(default_factory=StartClock)
    tracks: str | None = None  # one of tracks.TRACK_FORMATS
    check: int | None = None  # number of the most certain and of the most doubtful events of each class to list
    plot: Path | None = None
    force: bool = False


def run_batch(settings: BatchSettings) -> Totals:
    """Detect the events of every recording below a folder and write the tables, or continue an interrupted run.

    The result depends neither on the number of workers nor on interruptions. When a recording cannot be read, the
    journal is kept, so that the same command tries that recording again.
    Raises ConfigError and OutputError before the first recording is read, AudioError when there are no recordings.
    """
    tables = Tables(settings.out)
    _require_possible(settings, tables)
    folder = read_folder(settings.detector)
    job = Job.of(settings.detector, settings.engine, settings.clock, settings.scheduler is not None, settings.channel)
    job = replace(job, sensitivity=dict(settings.sensitivity))
    set_sensitivity(EventDecoder(folder.classes, folder.events, folder.clock), settings.sensitivity)
    recordings, problems = list_recordings(settings.folder)
    begun = tables.journal.exists() and not settings.force
    if not begun:
        _check_outputs(settings, tables)
    journal = Journal(tables.journal, _settings_of_results(settings, job), afresh=settings.force)
    try:
        _hear(settings, job, journal, recordings)
        hours = Hours(folder.classes, zone(settings.clock.time_zone))
        rate = folder.frontend.sample_rate_hz
        tracks = Tracks(tables.tracks, settings.tracks, rate // 2) if settings.tracks else None
        table_settings = TableSettings(
            folder.classes, rate, hours, tracks, Check(settings.check) if settings.check else None
        )
        totals = write_tables(tables, table_settings, journal.outcomes(found.name for found in recordings))
        totals.unreadable += problems
        if settings.plot is not None and hours.counts:
            draw_activity(hours, settings.plot)
        if not totals.unreadable:
            journal.remove()
    finally:
        journal.close()
    _report(settings, totals)
    return totals


def _require_possible(settings: BatchSettings, tables: Tables) -> None:
    """Raise an error for settings that cannot work, before the first recording is read."""
    if tables.out.suffix not in (".csv", ".tsv"):
        raise ConfigError(f"--out {tables.out}: the events of a folder are written as .csv or .tsv; name such a file")
    options = (("--jobs", settings.jobs), ("--check", settings.check), ("--channel", settings.channel))
    for option, number in options:
        if number is not None and number < 1:
            raise ConfigError(f"{option} {number}: must be at least 1")
    if settings.jobs is not None and settings.scheduler is not None:
        raise ConfigError(
            "--jobs starts processes on this machine, --scheduler uses the workers of a cluster; leave out one of them"
        )
    if settings.scheduler is not None:
        require_scheduler_address(settings.scheduler)
    if settings.plot is not None:
        require_picture(settings.plot)


def _check_outputs(settings: BatchSettings, tables: Tables) -> None:
    for path in (tables.out, tables.files, tables.hours, tables.check if settings.check else None, settings.plot):
        if path is not None:
            require_new_file(path, settings.force)
    if settings.tracks and tables.tracks.exists():
        raise OutputError(f"{tables.tracks} exists already and may contain corrections; move it away")


def _settings_of_results(settings: BatchSettings, job: Job) -> dict[str, str]:
    """Return the settings on which the results depend: a run is continued only when they are the same."""
    return {
        "detector": job.hash,
        "folder": settings.folder if is_url(settings.folder) else str(Path(settings.folder).absolute()),
        "start pattern": settings.clock.pattern or "none",
        "time zone": settings.clock.time_zone,
    } | {
        name: value
        for name, value in (
            ("channel", str(settings.channel or "")),
            ("sensitivity", ", ".join(f"{label}={steps:+d}" for label, steps in sorted(settings.sensitivity.items()))),
        )
        if value
    }


def _workers(settings: BatchSettings, job: Job) -> Workers:
    if settings.scheduler is None:
        return LocalProcesses(job, settings.jobs or _processors())
    try:
        from stapes.runtime.batch.cluster import Cluster
    except ImportError:
        raise ToolchainError("--scheduler needs Dask, which is not installed: pip install 'stapes[cluster]'") from None
    return Cluster(job, settings.scheduler)


def _processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _hear(settings: BatchSettings, job: Job, journal: Journal, recordings: list[RecordingFile]) -> None:
    left = [found for found in recordings if not journal.holds(found)]
    if len(left) < len(recordings):
        logger.info(f"continuing: {len(recordings) - len(left)} of {len(recordings)} recordings are done")
    if not left:
        return
    workers = _workers(settings, job)
    logger.info(f"hearing {len(left)} recordings, {workers.count} at a time")
    try:
        _record(hear_all(job, in_groups(left, workers.count), workers), journal, left)
    finally:
        workers.close()


def _record(results: Iterable[list[Outcome]], journal: Journal, left: list[RecordingFile]) -> None:
    progress = Progress("detect", len(left), sum(_weight(found) for found in left))
    started, seconds, rate = time.monotonic(), 0.0, 0.0
    for outcomes in results:
        journal.add(outcomes)
        for outcome in outcomes:
            seconds += outcome.seconds
            rate = seconds / max(1e-9, time.monotonic() - started)
            progress.advance(f"{rate:,.0f} x real time", _weight(outcome.found))
    progress.close(f"{len(left)} recordings, {seconds / 3600:.2f} h, {rate:,.0f} x real time")


def _weight(found: RecordingFile) -> int:
    """Return a measure of how long a recording takes: its size, or 1 when the server does not state sizes."""
    return found.size or 1


def _report(settings: BatchSettings, totals: Totals) -> None:
    logger.info(
        f"{settings.out}: {totals.events} events in {totals.recordings} recordings, {totals.seconds / 3600:.2f} h"
    )
    if totals.clipped:
        logger.warning(f"{totals.clipped} recordings were louder than full scale in places and were clipped")
    if totals.without_start:
        logger.warning(
            f"{totals.without_start} recordings do not say when they began, so their events have no UTC; "
            "see --start-pattern"
        )
    log_list(totals.doubts, "start times are in doubt")
    log_list(
        totals.unreadable,
        "files or folders could not be read; repair them and run the same command again, or leave them out",
    )


def log_list(lines: list[str], what: str) -> None:
    """Log the number of lines, what they are and the first LISTED of them as one warning, unless there are none."""
    if lines:
        more = [f"and {len(lines) - LISTED} more"] if len(lines) > LISTED else []
        logger.warning("\n  ".join([f"{len(lines)} {what}:", *lines[:LISTED], *more]))
