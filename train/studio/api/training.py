"""Training, started and followed."""

import asyncio

from aiohttp import web

from stapes.train.studio.api.questions import body_of, object_of, text_of
from stapes.train.studio.studio import Studio
from stapes.train.studio.training_run import TrainingOptions, TrainingRun


def routes(studio: Studio) -> list[web.AbstractRouteDef]:
    """Return the routes of this part of the interface."""
    run = TrainingRun(studio)

    async def status(_request: web.Request | None = None) -> web.Response:
        return web.json_response(await asyncio.to_thread(run.status))

    async def start(request: web.Request) -> web.Response:
        body = await body_of(request)
        options = object_of(body, "options")
        given = TrainingOptions(**{each: text_of(options, each) for each in ("size", "start", "settings")})
        await asyncio.to_thread(run.start, text_of(body, "out"), given)
        studio.changes.tell("training", state="running")
        return await status()

    async def stop(_request: web.Request) -> web.Response:
        await asyncio.to_thread(run.stop)
        return await status()

    return [
        web.get("/api/training", status),
        web.post("/api/training/start", start),
        web.post("/api/training/stop", stop),
    ]
