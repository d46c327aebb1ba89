"""The dataset, its recordings and their states."""

from aiohttp import web

from stapes.train.studio.studio import Studio


def routes(studio: Studio) -> list[web.AbstractRouteDef]:
    """Return the routes of this part of the interface."""

    async def dataset(_request: web.Request) -> web.Response:
        return web.json_response({"folder": studio.dataset.resolve().name})

    return [web.get("/api/dataset", dataset)]
