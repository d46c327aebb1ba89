"""Proposals, what is doubtful, and what sounds alike."""

from aiohttp import web

from stapes.train.studio.studio import Studio


def routes(studio: Studio) -> list[web.AbstractRouteDef]:
    """Return the routes of this part of the interface."""
    return []
