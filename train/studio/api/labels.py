"""Labels of a recording: read and changed."""

from aiohttp import web

from stapes.train.studio.studio import Studio


def routes(studio: Studio) -> list[web.AbstractRouteDef]:
    """Return the routes of this part of the interface."""
    return []
