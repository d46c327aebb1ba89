"""Label Studio's JSON export: a list of tasks, each with annotations whose results are labelled regions.

A task without an annotation was not annotated; a task whose annotation has no results is a recording without events. A
recording is named by the last part of its path or URL. An uploaded one has eight hex digits before its name, which are
taken off; names of other files may begin so, too, as with a date, and stay whole.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from stapes.firmware_sim.errors import LabelError, StapesError
from stapes.runtime.labels.annotation import Annotation, Problems, duplicates
from stapes.runtime.labels.labelstudio_results import events_of_results
from stapes.runtime.labels.names import is_audio, shortest_names

_UPLOAD = re.compile(r"^[0-9a-f]{8}-")
_UPLOADED = re.compile(r"(^|/)data/upload/(\d+/)?[^/]+$")
_SPACE = re.compile(r"[\s,]*")


@dataclass(frozen=True)
class _Source:
    """Where the recording of a task comes from."""

    path: str  # whole path; the file name alone for an uploaded file
    identity: str  # differs for two recordings, even when their paths are equal


def read_labelstudio(
    path: Path, collected: list[StapesError] | None = None, whole_paths: bool = False, audio_key: str = ""
) -> dict[str, list[Annotation]]:
    """Return recording name -> annotations for every recording that was annotated; [] for one without events.

    With `whole_paths` the name is the whole path, else as many of its last parts as tell the recordings apart.
    `audio_key` names the entry of `data` that holds the recording. Raises LabelError for a bad task, naming the line
    where it begins, or puts it into `collected` and skips the task.
    """
    problems = Problems(collected)
    recordings: dict[str, list[Annotation]] = {}
    sources: dict[str, tuple[str, str]] = {}  # path -> identity and place of the first task with it
    for place, task in _tasks(path, problems):
        try:
            source, events = _task(task, audio_key, place)
            identity, first = sources.setdefault(source.path, (source.identity, place))
            if identity != source.identity:
                raise LabelError(
                    f"{place}: {source.path!r} is the name of another recording at {first}, too, and their labels "
                    "would be merged; rename one of the two recordings, or leave one of the two tasks out"
                )
        except LabelError as error:
            problems.keep(error)
            continue
        except (AttributeError, TypeError, ValueError):  # ValueError: of a URL
            problems.add(place, "the task is not as Label Studio exports it; export the labels again")
            continue
        if events is not None:
            recordings.setdefault(source.path, []).extend(events)
    for name, events in recordings.items():
        repeated = {id(each) for each in duplicates(events)}  # the regions of a stereo file occur once per channel
        recordings[name] = sorted((e for e in events if id(e) not in repeated), key=lambda e: (e.onset, e.offset))
    names = {} if whole_paths else shortest_names(sources)
    return {names.get(name, name): events for name, events in recordings.items()}


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
        except ValueError as error:  # a number of too many digits
            problems.add(f"{path}:{line}", f"the task is not readable ({str(error).split(';')[0].lower()}); correct it")
            return
        except RecursionError:
            problems.add(f"{path}:{line}", "the task is nested too deeply; export the labels again")
            return
        yield f"{path}:{line}", task


def _task(task: Any, audio_key: str, place: str) -> tuple[_Source, list[Annotation] | None]:
    """Return the recording of a task and its events, or None for the events when it was not annotated."""
    if isinstance(task, dict) and "annotations" not in task and "annotation_id" in task:
        raise LabelError(
            f"{place}: this is Label Studio's JSON-MIN, in which a task without events looks like one that nobody "
            "annotated; export as JSON instead"
        )
    data = task.get("data") if isinstance(task, dict) else None
    if not isinstance(data, dict) or not isinstance(task.get("annotations"), list):
        raise LabelError(f"{place}: the task has no data.audio or no annotations; export as JSON from Label Studio")
    source = _source(_audio(data, audio_key, place), str(task.get("file_upload") or ""), place)
    done = [each for each in task["annotations"] if not each.get("was_cancelled")]
    if len(done) > 1:
        raise LabelError(f"{place}: the task has {len(done)} annotations; keep one of them in Label Studio")
    return source, events_of_results(done[0].get("result", []), place) if done else None


def _audio(data: Mapping[str, Any], key: str, place: str) -> str:
    """Return the path or URL of the recording: data.audio, or else the only entry that ends as an audio file does."""
    texts = {name: value for name, value in data.items() if isinstance(value, str)}
    keys = [key or "audio"] if (key or "audio") in texts else []
    if not keys and not key:
        keys = [name for name, value in texts.items() if is_audio(_path(value))]
    if len(keys) != 1:
        found = f"{len(keys)} entries that name audio" if keys else f"no data.{key or 'audio'}"
        raise LabelError(
            f"{place}: the task has {found} (data has {', '.join(data) or 'nothing'}); name the entry with the "
            "recording with --columns filename=NAME"
        )
    return texts[keys[0]]


def _source(audio: str, upload: str, place: str) -> _Source:
    """Return where a recording comes from; only what was uploaded has eight hex digits before its name."""
    path = _path(audio)
    base = path.rsplit("/", 1)[-1]
    if not base:
        raise LabelError(f"{place}: {audio!r} names no file; correct the task or leave it out")
    is_upload = bool(_UPLOADED.search(path)) or base == upload
    identity = audio.split("?")[0] if is_audio(audio.split("?")[0]) else audio
    return _Source(_UPLOAD.sub("", base) if is_upload else path, identity)


def _path(audio: str) -> str:
    path = audio.replace("\\", "/")
    if "://" in path or path.startswith("/data/"):
        url = urlsplit(path)
        path = parse_qs(url.query).get("d", [unquote(url.path)])[0]  # local files: /data/local-files/?d=PATH
    return path


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
