"""Records as text: to stdout or a file, a line as soon as it happens."""

import sys
from pathlib import Path
from typing import TextIO

from stapes.firmware_sim.errors import OutputError
from stapes.runtime.labels import EVENT_FORMATS, Annotation
from stapes.runtime.sinks.record import Record


class TextSink:
    """One line per record in a label format, or as JSON lines.

    JSON lines hold every record; the label formats hold events, and gaps as rows labelled `gap: <reason>` where a
    person reads them (audacity, csv). `path` None is stdout. An existing file is continued, so that a
    restart loses nothing, unless it is to be replaced.
    """

    def __init__(self, path: Path | None, layout: str, replace: bool = False) -> None:
        self._layout = layout
        self._file: TextIO = sys.stdout
        if path is not None:
            try:
                self._file = path.open("w" if replace else "a", encoding="utf-8", newline="")
            except OSError as error:
                raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
        if layout != "jsonl" and (path is None or path.stat().st_size == 0):
            self._print(EVENT_FORMATS[layout].header)

    def write(self, record: Record) -> None:
        """Print the record's line and hand it to the system at once."""
        if self._layout == "jsonl":
            self._print(record.as_json() + "\n")
        elif record.kind == "event" or (record.kind == "gap" and self._layout in ("audacity", "csv")):
            label = record.label if record.kind == "event" else f"gap: {record.label}"
            annotation = Annotation(record.onset, record.offset, label, record.confidence)
            self._print(EVENT_FORMATS[self._layout].row(record.source, annotation))

    def close(self) -> None:
        """Close the file; stdout stays open."""
        if self._file is not sys.stdout:
            self._file.close()

    def _print(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()
