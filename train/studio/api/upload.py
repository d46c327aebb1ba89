"""Recordings that arrive from the page, and the steps of the first visit."""

import asyncio
import dataclasses

from aiohttp import web

from stapes.firmware_sim.errors import AudioError
from stapes.train.data.incoming import Added, IncomingRecording
from stapes.train.studio.detectors import folder_of
from stapes.train.studio.judging import JudgementRun
from stapes.train.studio.steps import Places, steps
from stapes.train.studio.studio import Studio
from stapes.train.studio.training_run import TrainingRun

_BLOCK_BYTES = 1 << 18


def routes(studio: Studio) -> list[web.AbstractRouteDef]:
    """Return POST upload and GET steps."""

    async def upload(request: web.Request) -> web.Response:
        added = await _received(request, studio)
        await asyncio.to_thread(studio.labels.path_of, added.recording)  # so that the next list of recordings has it
        studio.changes.tell("recordings")
        return web.json_response(dataclasses.asdict(added))

    async def get_steps(_request: web.Request) -> web.Response:
        told = await asyncio.to_thread(lambda: steps(_places(studio)))
        return web.json_response([dataclasses.asdict(each) for each in told])

    return [web.post("/api/upload", upload), web.get("/api/steps", get_steps)]


async def _received(request: web.Request, studio: Studio) -> Added:
    """Write what arrives to disk block by block. Raises what IncomingRecording raises."""
    name, session = request.query.get("name", ""), request.query.get("session", "")
    incoming = await asyncio.to_thread(IncomingRecording, studio.dataset, name, session)
    with incoming:
        size = 0
        async for block in request.content.iter_chunked(_BLOCK_BYTES):
            size += len(block)
            await asyncio.to_thread(incoming.write, block)
        if request.content_length not in (None, size):
            raise AudioError(f"{name}: {size} of {request.content_length} bytes arrived; send it again")
        return await asyncio.to_thread(incoming.finish)


def _places(studio: Studio) -> Places:
    """Return where the steps are read from: the detector is the one that was trained last, or else --detector."""
    trained = TrainingRun(studio).status().get("out")
    detector = folder_of(studio) / trained if trained else studio.detector
    judgement = JudgementRun(studio).status()
    judged = judgement["detector"] if judgement["result"] else None
    return Places(studio.dataset, detector, judged, studio.clips)
