"""A detector beside the one before, its mistakes and thresholds."""

import asyncio

from aiohttp import web

from stapes.train.studio.api.questions import asked_text, body_of, number_of, text_of
from stapes.train.studio.judging import JudgementRun
from stapes.train.studio.studio import Studio


def routes(studio: Studio) -> list[web.AbstractRouteDef]:
    """Return the routes of this part of the interface."""
    run = JudgementRun(studio)

    async def status(_request: web.Request | None = None) -> web.Response:
        return web.json_response(await asyncio.to_thread(run.status))

    async def start(request: web.Request) -> web.Response:
        body = await body_of(request)
        await asyncio.to_thread(run.start, text_of(body, "detector"), text_of(body, "before"))
        return await status()

    async def mistakes(_request: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(run.mistakes))

    async def curve(request: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(run.curve, asked_text(request, "class")))

    async def thresholds(request: web.Request) -> web.Response:
        body = await body_of(request)
        chosen = {label: number_of(body, label) for label in body}
        return web.json_response(await asyncio.to_thread(run.set_thresholds, chosen))

    return [
        web.get("/api/judgement", status),
        web.post("/api/judgement/start", start),
        web.get("/api/judgement/mistakes", mistakes),
        web.get("/api/judgement/curve", curve),
        web.post("/api/judgement/thresholds", thresholds),
    ]
