"""Writes the events of a few recordings into one table."""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stapes.firmware_sim.device.events import Event
from stapes.firmware_sim.errors import ConfigError
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


def detect_files(detector: Detector, recordings: Sequence[Path], table: EventTable) -> None:
    """Write the events of every recording. All files are opened before the first one is searched.

    Raises AudioError, which names the recording that cannot be read; `table.out` is then left as it was. Raises
    ConfigError for several recordings in a format that cannot tell them apart.
    """
    layout = EVENT_FORMATS[table.format]
    if layout.one_recording and len(recordings) > 1:
        raise ConfigError(
            f"a file in the format {table.format} holds the events of one recording, got {len(recordings)}; "
            "use --format csv, or run the command once for each recording"
        )
    files = [AudioFile(path, detector.sample_rate_hz) for path in recordings]
    progress = Progress("detect", len(files))
    with open_table(table) as write:
        write(layout.header)
        for file in files:
            for event in detector.detect(file):
                write(layout.row(file.path.name if layout.base_names else str(file.path), as_annotation(event)))
            if file.clipped:
                logger.warning(f"{file.path}: {file.clipped} samples were louder than full scale and were clipped")
            progress.advance(file.path.name)
    progress.close(f"{len(files)} recordings, {sum(file.duration_s for file in files) / 60:.1f} minutes")


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
