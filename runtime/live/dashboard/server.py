"""The server of the live page: the page, its stream of messages, and the clips."""

import os
import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from aiohttp import web

from stapes.runtime.web.address import Address
from stapes.runtime.web.broadcast import Broadcast
from stapes.runtime.web.server import Site, WebServer

_CLIP = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*\.flac")
_POLICY = (
    "default-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; frame-ancestors 'none'"
)


class PageServer(WebServer):
    """Serves the page from a thread; any thread may call `send`. Raises ConfigError when the port is taken."""

    def __init__(self, address: Address, hello: Callable[[], list[str]], clips: Path | None) -> None:
        self._clips = clips
        self._pages = Broadcast(hello)
        self.send = self._pages.send
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/stream", self._pages.stream),
                web.get("/clips/{name}", self._clip),
            ]
        )
        app.on_startup.append(self._pages.start)
        app.on_shutdown.append(self._pages.stop)
        super().__init__(address, Site(app, _POLICY, "the live page", "listening goes on"))

    @property
    def clients(self) -> int:
        """The number of open pages."""
        return self._pages.clients

    async def _page(self, _request: web.Request) -> web.Response:
        html = (files("stapes.runtime.live.dashboard") / "page.html").read_text(encoding="utf-8")
        return web.Response(text=html, content_type="text/html")

    async def _clip(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if self._clips is None or not _CLIP.fullmatch(name) or not os.path.isfile(self._clips / name):
            raise web.HTTPNotFound(text="no such clip")
        return web.FileResponse(self._clips / name, headers={"Content-Type": "audio/flac"})
