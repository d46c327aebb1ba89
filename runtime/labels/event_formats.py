"""The table of formats in which detected events are printed, row by row, the same for live logs and for files."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass

from stapes.runtime.labels.annotation import Annotation, plain


@dataclass(frozen=True)
class EventFormat:
    """How events are printed: a header, which may be empty, and one row per event, each with its line end."""

    header: str
    row: Callable[[str, Annotation], str]  # (name of the recording, event) -> line
    one_recording: bool = False  # rows do not name their recording, so a file holds the events of one only
    base_names: bool = False  # recordings are named without their folders
    shows_gaps: bool = False  # a live log holds gaps in the audio too, as rows labelled `gap: REASON`


def _dcase(name: str, event: Annotation) -> str:
    return _quoted("\t", [plain(name), f"{event.onset:.3f}", f"{event.offset:.3f}", plain(event.label)])


def _audacity(_name: str, event: Annotation) -> str:
    return f"{event.onset:.6f}\t{event.offset:.6f}\t{plain(event.label)}\n"


def _csv(name: str, event: Annotation) -> str:
    confidence = "" if event.confidence is None else f"{event.confidence:.3f}"
    return _quoted(",", [name, f"{event.onset:.3f}", f"{event.offset:.3f}", event.label, confidence])


def _quoted(delimiter: str, fields: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator="\n").writerow(fields)
    return line.getvalue()


def _json_lines(name: str, event: Annotation) -> str:
    fields = {
        "filename": name,
        "onset": round(event.onset, 6),
        "offset": round(event.offset, 6),
        "event_label": event.label,
        "confidence": event.confidence,
    }
    return json.dumps(fields, ensure_ascii=False) + "\n"


JSON_LINES = "jsonl"  # a live log in this format holds every record with all its fields, not only events
EVENT_FORMATS = {
    "dcase": EventFormat("filename\tonset\toffset\tevent_label\n", _dcase, base_names=True),
    "audacity": EventFormat("", _audacity, one_recording=True, shows_gaps=True),
    "csv": EventFormat("filename,onset,offset,event_label,confidence\n", _csv, shows_gaps=True),
    JSON_LINES: EventFormat("", _json_lines),
}
