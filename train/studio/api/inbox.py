"""Clips of `stapes listen --record`, to be sorted."""

import asyncio
from pathlib import Path
from typing import Any, cast

from aiohttp import web

from stapes.firmware_sim.device.folder import read_folder
from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, make_tables
from stapes.firmware_sim.errors import ConfigError
from stapes.train.label.clip_picture import clip_spectrogram
from stapes.train.label.inbox import JUDGED_ONE_IN, ClipInfo, Inbox, Verdict
from stapes.train.studio.api.questions import asked_text, body_of, text_of
from stapes.train.studio.studio import Studio


def routes(studio: Studio) -> list[web.AbstractRouteDef]:
    """Return the routes of this part of the interface."""
    inbox = Inbox(studio.clips, studio.dataset) if studio.clips else None
    frontend = Frontend(read_folder(studio.detector).tables if studio.detector else make_tables(FrontendConfig()))

    def required() -> Inbox:
        if inbox is None:
            raise ConfigError("no clips are sorted here; start `stapes studio` with --clips DIR")
        return inbox

    async def waiting(_request: web.Request) -> web.Response:
        if inbox is None:
            return web.json_response(None)
        clips, counts = await asyncio.to_thread(lambda: (inbox.waiting(), inbox.counts()))
        return web.json_response(
            {"clips": [_as_json(each) for each in clips], "counts": counts, "judged_one_in": JUDGED_ONE_IN}
        )

    async def verdict(request: web.Request) -> web.Response:
        body, sorter = await body_of(request), required()
        clip, said, label = text_of(body, "clip"), text_of(body, "verdict"), str(body.get("label") or "")
        to = await asyncio.to_thread(sorter.sort, clip, cast(Verdict, said), label)
        studio.changes.tell("inbox")
        studio.changes.tell("recordings")
        return web.json_response({"moved_to": _place_of(sorter, to)})

    async def sound(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(required().sound(asked_text(request, "clip")))

    async def spectrogram(request: web.Request) -> web.Response:
        path = required().sound(asked_text(request, "clip"))
        picture = await asyncio.to_thread(clip_spectrogram, path, frontend)
        return web.Response(
            body=picture.tobytes(),
            content_type="application/octet-stream",
            headers={"X-Bands": str(picture.shape[0]), "X-Columns": str(picture.shape[1])},
        )

    return [
        web.get("/api/inbox", waiting),
        web.post("/api/inbox/verdict", verdict),
        web.get("/api/inbox/sound", sound),
        web.get("/api/inbox/spectrogram", spectrogram),
    ]


def _place_of(inbox: Inbox, sound: Path) -> str:
    return next(name for name, folder in inbox.places.items() if folder == sound.parent)


def _as_json(clip: ClipInfo) -> dict[str, Any]:
    return {
        "clip": clip.name,
        "kind": clip.kind,
        "label": clip.label,
        "probability": clip.probability,
        "threshold": clip.threshold,
        "utc": clip.begins.isoformat() if clip.begins else None,
        "seconds": clip.seconds,
        "events": [vars(each) for each in clip.events],
    }
