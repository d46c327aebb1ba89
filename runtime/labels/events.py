"""Detected events as lines of text, one at a time, so that a live log and a finished file look the same."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass

from stapes.runtime.labels.annotation import Annotation, plain


@dataclass(frozen=True)
class EventFormat:
    """How events are printed: a header (may be empty), then one row per event, each with its line end."""

    header: str
    row: Callable[[str, Annotation], str]  # (file name, event) -> line


def _dcase(name: str, event: Annotation) -> str:
    return _quoted("\t", [plain(name), f"{event.onset:.3f}", f"{event.offset:.3f}", plain(event.label)])


def _audacity(name: str, event: Annotation) -> str:
    return f"{event.onset:.6f}\t{event.offset:.6f}\t{plain(event.label)}\n"


def _csv(name: str, event: Annotation) -> str:
    confidence = "" if event.confidence is None else f"{event.confidence:.3f}"
    return _quoted(",", [name, f"{event.onset:.3f}", f"{event.offset:.3f}", event.label, confidence])


def _quoted(delimiter: str, fields: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator="\n").writerow(fields)
    return line.getvalue()


def _jsonl(name: str, event: Annotation) -> str:
    fields = {
        "filename": name,
        "onset": round(event.onset, 6),
        "offset": round(event.offset, 6),
        "event_label": event.label,
        "confidence": event.confidence,
    }
    return json.dumps(fields, ensure_ascii=False) + "\n"


EVENT_FORMATS = {
    "dcase": EventFormat("filename\tonset\toffset\tevent_label\n", _dcase),
    "audacity": EventFormat("", _audacity),
    "csv": EventFormat("filename,onset,offset,event_label,confidence\n", _csv),
    "jsonl": EventFormat("", _jsonl),
}
