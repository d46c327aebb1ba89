"""Proposals, what is doubtful, and what sounds alike."""

import asyncio
from dataclasses import asdict
from typing import Any

from aiohttp import web

from stapes.train.label.label_help import LabelHelp
from stapes.train.label.sounds import Sound
from stapes.train.studio.api.questions import asked_number, asked_text, body_of, number_of, text_of
from stapes.train.studio.detectors import named
from stapes.train.studio.studio import Studio

MOST = 200  # items of a queue


def routes(studio: Studio) -> list[web.AbstractRouteDef]:
    """Return the routes of this part of the interface."""

    def told(recording: str | None, left: int) -> None:
        studio.changes.tell("proposals", recording=recording, left=left)

    helper = LabelHelp(studio.labels, studio.states, studio.detector, told)

    async def proposals(request: web.Request) -> web.Response:
        recording = asked_text(request, "recording")
        begin, end = asked_number(request, "from", 0.0), asked_number(request, "until", 1e9)
        found = await asyncio.to_thread(helper.proposals, recording, begin, end)
        return web.json_response([_as_json(each) for each in found or []], status=202 if found is None else 200)

    async def drop(request: web.Request) -> web.Response:
        body = await body_of(request)
        times = number_of(body, "onset"), number_of(body, "offset")
        await asyncio.to_thread(helper.drop, text_of(body, "recording"), *times)
        return web.json_response({})

    async def use(request: web.Request) -> web.Response:
        detector = named(studio, text_of(await body_of(request), "detector"))
        await asyncio.to_thread(helper.use, detector)
        studio.changes.tell("proposals", recording=None, left=0)
        return web.json_response({})

    async def prepare(_request: web.Request) -> web.Response:
        return web.json_response({"left": await asyncio.to_thread(helper.prepare)})

    async def doubtful(request: web.Request) -> web.Response:
        found = await asyncio.to_thread(helper.doubtful, _count(request))
        return web.json_response([asdict(each) for each in found])

    async def alike(request: web.Request) -> web.Response:
        times = asked_number(request, "onset"), asked_number(request, "offset")
        found = await asyncio.to_thread(helper.alike, asked_text(request, "recording"), *times, _count(request))
        return web.json_response([asdict(each) for each in found])

    return [
        web.get("/api/proposals", proposals),
        web.post("/api/proposals/drop", drop),
        web.post("/api/proposals/detector", use),
        web.post("/api/proposals/prepare", prepare),
        web.get("/api/doubtful", doubtful),
        web.get("/api/alike", alike),
    ]


def _count(request: web.Request) -> int:
    return max(1, min(MOST, round(asked_number(request, "count", 20.0))))


def _as_json(sound: Sound) -> dict[str, Any]:
    return {
        "onset": round(sound.onset, 4),
        "offset": round(sound.offset, 4),
        "label": sound.label,
        "score": sound.confidence,
        "origin": "suggest" if sound.confidence is None else "detector",
    }
