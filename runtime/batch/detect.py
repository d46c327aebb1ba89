"""Writes the events of a few recordings into one table."""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stapes.firmware_sim.device.events import Event
from stapes.firmware_sim.errors import AudioError, ConfigError
from stapes.firmware_sim.outputs import new_file, require_new_file
from stapes.runtime.audio import AudioFile
from stapes.runtime.console import Progress
from stapes.runtime.detector import Detector
from stapes.runtime.labels import EVENT_FORMATS, Annotation

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EventTable:
    """Where events are written, and in which format."""

    out: Path | None  # None: stdout
    format: str  # one of EVENT_FORMATS
    force: bool = False  # replace an existing file


def as_annotation(event: Event) -> Annotation:
    """Return a complete event as a row of a label file."""
    return Annotation(event.onset, event.offset, event.label, event.confidence)


def detect_files(
    detector: Detector, recordings: Sequence[Path], table: EventTable, channel: int | None = None
) -> list[str]:
    """Write the events of every recording, and return a line for each that cannot be read; the others are written.

    channel: counted from 1; None: the mean of all channels.
    Raises AudioError when none can be read; `table.out` is then left as it was. Raises ConfigError for several
    recordings in a format that cannot tell them apart, and for one that is given twice.
    """
    layout = EVENT_FORMATS[table.format]
    if layout.one_recording and len(recordings) > 1:
        raise ConfigError(
            f"a file in the format {table.format} holds the events of one recording, got {len(recordings)}; "
            "use --format csv, or run the command once for each recording"
        )
    _require_different(recordings)
    names = _names_apart(recordings) if layout.base_names else [str(path) for path in recordings]
    progress = Progress("detect", len(recordings))
    unreadable: list[str] = []
    seconds = 0.0
    with open_table(table) as write:
        for number, (path, name) in enumerate(zip(recordings, names, strict=True)):
            try:
                file = AudioFile(path, detector.sample_rate_hz, channel)
                events = detector.detect(file)
            except AudioError as error:
                unreadable.append(str(error))
                if len(unreadable) == len(recordings):
                    more = f" ({len(recordings) - 1} more cannot be read either)" if len(recordings) > 1 else ""
                    raise AudioError(f"{unreadable[0]}{more}") from None
                continue
            if number == len(unreadable):  # the first that can be read
                write(layout.header)
            for event in events:
                write(layout.row(name, as_annotation(event)))
            if file.clipped:
                logger.warning(f"{path}: {file.clipped} samples were louder than full scale and were clipped")
            seconds += file.duration_s
            progress.advance(path.name)
    progress.close(f"{len(recordings) - len(unreadable)} recordings, {seconds / 60:.1f} minutes")
    return unreadable


def _require_different(recordings: Sequence[Path]) -> None:
    """Raise ConfigError for a recording that is given twice, whose events would be counted twice."""
    seen: set[Path] = set()
    for path in recordings:
        if (absolute := Path(os.path.abspath(path))) in seen:
            raise ConfigError(f"{path}: is given twice; name each recording once")
        seen.add(absolute)


def _names_apart(recordings: Sequence[Path]) -> list[str]:
    """Return the names of recordings without the folders that all of them are in, as a search of that folder does."""
    absolute = [path.absolute() for path in recordings]
    folder = os.path.commonpath([path.parent for path in absolute])
    return [path.relative_to(folder).as_posix() for path in absolute]


@contextmanager
def open_table(table: EventTable) -> Iterator[Callable[[str], object]]:
    """Yield a function that writes text to the table. A file appears under its name only when it is complete."""
    if table.out is None:
        yield sys.stdout.write
        return
    require_new_file(table.out, table.force)
    with new_file(table.out) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        yield file.write
        file.flush()
        os.fsync(file.fileno())  # because a batch removes its journal afterwards
