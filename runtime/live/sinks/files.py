"""Records as text, in a file or on stdout, each line as soon as it happens."""

import os
import stat
from io import FileIO
from pathlib import Path

from stapes.firmware_sim.errors import OutputError
from stapes.firmware_sim.outputs import DISK_IS_FULL
from stapes.runtime.labels import EVENT_FORMATS, Annotation
from stapes.runtime.labels.event_formats import JSON_LINES
from stapes.runtime.live.sinks.record import FullDiskError, Record

STDOUT = 1  # the descriptor, because sys.stdout may have been replaced by an object that has none


class TextSink:
    """Writes one line per record, in one of EVENT_FORMATS, to a file or (`path` None) to stdout.

    JSON lines hold every record; the other formats hold events, and gaps where the format says so. An existing file is
    continued, so that a restart loses nothing, unless `replace` is set. The file holds whole lines only, even after the
    disk was full. Raises OutputError when the file cannot be opened, and FullDiskError.
    """

    def __init__(self, path: Path | None, format: str, replace: bool = False) -> None:
        self._format = format
        if path is None:
            self._file = FileIO(STDOUT, "w", closefd=False)
        else:
            self._file = _opened(path, replace)
        try:
            size = None if path is None else _size(self._file)
            if not size:
                self._append(EVENT_FORMATS[format].header)
            elif os.pread(self._file.fileno(), 1, size - 1) != b"\n":
                self._append("\n")  # the last line is incomplete after a power cut
        except OSError as error:
            self._file.close()
            if error.errno in DISK_IS_FULL:
                raise FullDiskError(f"{path or 'stdout'}: {error.strerror}") from error
            raise

    def write(self, record: Record) -> None:
        """Append the line of a record at once. When it does not fit, raise OSError and leave no part of it."""
        layout = EVENT_FORMATS[self._format]
        if self._format == JSON_LINES:
            self._append(record.as_json() + "\n")
        elif record.kind == "event" or (record.kind == "gap" and layout.shows_gaps):
            label = record.label if record.kind == "event" else f"gap: {record.label}"
            self._append(layout.row(record.source, Annotation(record.onset, record.offset, label, record.confidence)))

    def close(self) -> None:
        """Close the file. stdout stays open."""
        self._file.close()

    def _append(self, lines: str) -> None:
        data, size = lines.encode(), _size(self._file)
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError:
            if size is not None:
                self._file.truncate(size)
                self._file.seek(size)
            raise


def _opened(path: Path, replace: bool) -> FileIO:
    try:
        return FileIO(path, "w+" if replace else "a+")
    except OSError as error:
        if error.errno in DISK_IS_FULL:
            raise FullDiskError(f"{path}: {error.strerror}") from error
        raise OutputError(f"{path}: cannot be written ({error.strerror}); name another file") from error


def _size(file: FileIO) -> int | None:
    """Return the size in bytes of a regular file; None for a terminal, a pipe or a device."""
    status = os.fstat(file.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None
