"""Labels of a recording: read and changed."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.labels import Annotation
from stapes.train.label.label_store import Change, Event, LabelConflictError
from stapes.train.studio.api.questions import Conflict, asked_text, body_of, number_of, text_of
from stapes.train.studio.api.recordings import set_corrected
from stapes.train.studio.studio import Studio

MOST_CHANGES = 10_000  # in one request


def routes(studio: Studio) -> list[web.AbstractRouteDef]:
    """Return the routes of this part of the interface."""

    async def read(request: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(labels_of, studio, asked_text(request, "recording")))

    async def change(request: web.Request) -> web.Response:
        body = await body_of(request)
        recording, changes = text_of(body, "recording"), _changes(body)
        try:
            events = await asyncio.to_thread(change_labels, studio, recording, changes)
        except LabelConflictError as error:
            raise Conflict(str(error), events=_as_json(error.events)) from error
        return web.json_response({"events": _as_json(events)})

    return [web.get("/api/labels", read), web.post("/api/labels", change)]


def labels_of(studio: Studio, recording: str) -> dict[str, Any]:
    """Return the labels of a recording as the page shows them."""
    labels = studio.labels.read(recording)
    return {
        "file": labels.place.file.relative_to(studio.dataset).as_posix(),
        "kind": labels.place.kind,
        "events": _as_json(labels.events),
        "ignored": _as_json(labels.ignored),
        "classes": studio.classes(),
    }


def change_labels(studio: Studio, recording: str, changes: Sequence[Change]) -> list[Annotation]:
    """Change labels, remember that a person corrected some, and tell other pages."""
    had_labels = bool(studio.labels.read(recording).events)
    events = studio.labels.change(recording, changes)
    if had_labels and any(each.before for each in changes):
        set_corrected(studio, recording, True)
    studio.changes.tell("labels", recording=recording)
    return events


def _changes(body: dict[str, Any]) -> list[Change]:
    changes = body.get("changes")
    if not isinstance(changes, list) or len(changes) > MOST_CHANGES:
        raise ConfigError(f"changes is no list of at most {MOST_CHANGES} changes; send one")
    return [Change(_event(each, "from"), _event(each, "to")) for each in changes]


def _event(change: Any, name: str) -> Event | None:
    event = change.get(name) if isinstance(change, dict) else ""
    if event is None:
        return None
    if not isinstance(event, dict):
        raise ConfigError(f"{name} of a change is {event!r}; give onset, offset and label, or null")
    return Event(number_of(event, "onset"), number_of(event, "offset"), text_of(event, "label"))


def _as_json(events: Sequence[Annotation]) -> list[dict[str, Any]]:
    return [
        {"onset": each.onset, "offset": each.offset, "label": each.label, "columns": dict(each.columns)}
        for each in events
    ]
