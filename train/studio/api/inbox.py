"""Clips of `stapes listen --record`, to be sorted."""

from aiohttp import web

from stapes.train.studio.studio import Studio


def routes(studio: Studio) -> list[web.AbstractRouteDef]:
    """Return the routes of this part of the interface."""
    return []
