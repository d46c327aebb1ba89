"""JAMS files: JSON with a list of annotations, each with a namespace and observations (time, duration, value).

Observations are read when their value is a text (tag_open, segment_open …) or has a `label` (scaper, without its
background). Observations of other namespaces, such as beats or pitch contours, are left out.
"""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from stapes.firmware_sim.errors import LabelError, StapesError
from stapes.runtime.labels.annotation import Annotation, Problems, parse_times

_TIME = re.compile(r'"time"\s*:')


def read_jams(path: Path, collected: list[StapesError] | None = None) -> dict[str, list[Annotation]]:
    """Return {stem of the file: annotations}; a file without observations is a recording without events.

    Raises LabelError for a bad observation, or puts it into `collected` and skips the observation.
    """
    problems = Problems(collected)
    if not (lines := problems.lines(path)):
        return {}
    text = "\n".join(lines)
    try:
        content = json.loads(text)
        data = [item for each in content["annotations"] for item in _observations(each["data"])]
        lines_of = {id(item): line for item, line in zip(_timed(content), _lines_of_times(text), strict=False)}
    except json.JSONDecodeError as error:
        problems.add(f"{path}:{error.lineno}", f"the file is not JSON ({error.msg.lower()}); save it again")
        return {}
    except RecursionError:
        problems.add(f"{path}:1", "the file is nested too deeply for JAMS; save it again")
        return {}
    except ValueError as error:  # a number of too many digits
        problems.add(f"{path}:1", f"the file is not JAMS ({str(error).split(';')[0].lower()}); correct the number")
        return {}
    except (KeyError, TypeError):
        problems.add(f"{path}:1", "the file is not JAMS (annotations with data); save it again")
        return {}
    events = []
    for item in data:
        try:
            event = _event(item, f"{path}:{lines_of.get(id(item), 1)}")
        except LabelError as error:
            problems.keep(error)
        else:
            events += [event] if event else []
    return {path.stem: sorted(events, key=lambda each: (each.onset, each.offset))}


def _observations(data: Any) -> list[Any]:
    """Return the observations as a list; dense namespaces have one object of arrays, whose values are not labels."""
    return [data] if isinstance(data, dict) else list(data)


def _timed(value: Any) -> Iterator[dict[str, Any]]:
    """Yield all objects that have a time, in the order in which their times occur in the text."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if key == "time":
            yield value
        if isinstance(inner, dict | list):
            yield from _timed(inner)


def _lines_of_times(text: str) -> Iterator[int]:
    line, counted = 1, 0
    for match in _TIME.finditer(text):
        line, counted = line + text.count("\n", counted, match.start()), match.start()
        yield line


def _event(item: Any, place: str) -> Annotation | None:
    """Return the event of an observation; None when its value is not a label."""
    if not isinstance(item, dict) or not {"time", "duration", "value"} <= set(item):
        raise LabelError(f"{place}: the observation lacks time, duration or value; correct or delete it")
    value = item["value"]
    if isinstance(value, dict):
        if value.get("role") == "background" or "label" not in value:
            return None
        value = value["label"]
    if not isinstance(value, str):
        return None
    try:
        end = float(item["time"]) + float(item["duration"])
    except (TypeError, ValueError):
        raise LabelError(
            f"{place}: time {item['time']!r} or duration {item['duration']!r} is not a number; correct or delete it"
        ) from None
    onset, offset = parse_times(str(item["time"]), repr(round(end, 9)), place)
    return Annotation(onset, offset, value, place=place)


def write_jams(annotations: Sequence[Annotation]) -> str:
    """Return the text of a file for one recording, in the namespace tag_open."""
    data = [
        {"time": e.onset, "duration": round(e.offset - e.onset, 9), "value": e.label, "confidence": e.confidence}
        for e in annotations
    ]
    annotation = {"namespace": "tag_open", "data": data, "annotation_metadata": {}, "sandbox": {}}
    # The schema requires the duration of the recording, of which only the end of the last event is known.
    about = {"jams_version": "0.3.4", "duration": max((each.offset for each in annotations), default=0.0)}
    content = {"annotations": [annotation], "file_metadata": about, "sandbox": {}}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
