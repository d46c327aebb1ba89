"""Label Studio's JSON export: a list of tasks, each with annotations whose results are labelled regions.

A task without an annotation was not annotated; a task whose annotation has no regions is a recording without events. A
recording is named by the last part of its path or URL, without the eight hex digits that uploading puts before it.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from stapes.firmware_sim.errors import LabelError, StapesError
from stapes.runtime.labels.annotation import Annotation, Problems, duplicates, parse_times

_UPLOAD = re.compile(r"^[0-9a-f]{8}-")
_SPACE = re.compile(r"[\s,]*")


def read_labelstudio(path: Path, collected: list[StapesError] | None = None) -> dict[str, list[Annotation]]:
    """Return recording name -> annotations for every recording that was annotated; [] for one without events.

    Raises LabelError for a bad task, naming the line where it begins, or puts it into `collected` and skips the task.
    """
    problems = Problems(collected)
    recordings: dict[str, list[Annotation]] = {}
    for place, task in _tasks(path, problems):
        try:
            name, events = _recording(task, place)
        except LabelError as error:
            problems.keep(error)
            continue
        except (AttributeError, TypeError):
            problems.add(place, "the task is not as Label Studio exports it; export the labels again")
            continue
        if events is not None:
            recordings.setdefault(name, []).extend(events)
    for name, events in recordings.items():
        repeated = {id(each) for each in duplicates(events)}  # the regions of a stereo file occur once per channel
        recordings[name] = sorted((e for e in events if id(e) not in repeated), key=lambda e: (e.onset, e.offset))
    return recordings


def _tasks(path: Path, problems: Problems) -> Iterator[tuple[str, Any]]:
    """Yield (file:line, task). Tasks are decoded one by one, so that the line of each is known."""
    if not (lines := problems.lines(path)):
        return
    text = "\n".join(lines)
    decoder, position = json.JSONDecoder(), _SPACE.match(text).end()  # type: ignore[union-attr]
    if text[position : position + 1] != "[":
        problems.add(f"{path}:1", "the file is not a Label Studio export (a list of tasks); export it again as JSON")
        return
    position, line, counted = position + 1, 1, 0
    while True:
        position = _SPACE.match(text, position).end()  # type: ignore[union-attr]
        if text[position : position + 1] == "]":
            return
        line, counted = line + text.count("\n", counted, position), position
        try:
            task, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            problems.add(
                f"{path}:{error.lineno}", f"the file is not JSON ({error.msg.lower()}); export the labels again"
            )
            return
        except RecursionError:
            problems.add(f"{path}:{line}", "the task is nested too deeply; export the labels again")
            return
        yield f"{path}:{line}", task


def _recording(task: Any, place: str) -> tuple[str, list[Annotation] | None]:
    """Return the recording of a task and its events, or None for the events when it was not annotated."""
    data = task.get("data") if isinstance(task, dict) else None
    audio = data.get("audio") if isinstance(data, dict) else None
    if not isinstance(audio, str) or not isinstance(task.get("annotations"), list):
        raise LabelError(f"{place}: the task has no data.audio or no annotations; export as JSON, not as JSON-MIN")
    done = [each for each in task["annotations"] if not each.get("was_cancelled")]
    if len(done) > 1:
        raise LabelError(f"{place}: the task has {len(done)} annotations; keep one of them in Label Studio")
    if not done:
        return _file_name(audio), None
    results = [each for each in done[0].get("result", []) if each.get("type") == "labels"]
    return _file_name(audio), [event for each in results for event in _events(each.get("value", {}), place)]


def _file_name(audio: str) -> str:
    path = audio.replace("\\", "/")
    if "://" in path or path.startswith("/data/"):
        url = urlsplit(path)
        path = parse_qs(url.query).get("d", [unquote(url.path)])[0]  # local files: /data/local-files/?d=PATH
    return _UPLOAD.sub("", path.rsplit("/", 1)[-1])


def _events(value: Mapping[str, Any], place: str) -> list[Annotation]:
    onset, offset = parse_times(str(value.get("start", "")), str(value.get("end", "")), place)
    return [Annotation(onset, offset, str(label), place=place) for label in value.get("labels", [])]


def write_labelstudio(recordings: Mapping[str, Sequence[Annotation]]) -> str:
    """Return the text of tasks to import, with regions as finished annotations (label config: `label` on `audio`)."""
    tasks = []
    for name, annotations in recordings.items():
        result = [
            {
                "id": str(number),
                "from_name": "label",
                "to_name": "audio",
                "type": "labels",
                "value": {"start": round(e.onset, 6), "end": round(e.offset, 6), "channel": 0, "labels": [e.label]},
            }
            for number, e in enumerate(annotations)
        ]
        tasks.append({"data": {"audio": name}, "annotations": [{"result": result}]})
    return json.dumps(tasks, indent=1, ensure_ascii=False) + "\n"
