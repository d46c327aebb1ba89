"""The server of the page: static files, the interface for the page, and the errors of both.

Every refusal is JSON: {"error": text}.
"""

import json
from collections.abc import Callable
from importlib.resources import files

from aiohttp import web

from stapes.firmware_sim.errors import StapesError
from stapes.runtime.web.address import Address
from stapes.runtime.web.server import Site, WebServer
from stapes.train.label.label_store import UnknownRecordingError
from stapes.train.studio.api import help as help_api
from stapes.train.studio.api import inbox, judgement, labels, recordings, sound, training, upload
from stapes.train.studio.recording_list import RecordingList
from stapes.train.studio.studio import Studio
from stapes.train.studio.watcher import Watcher

PUBLIC = "/page/"  # the page's own files, which are the same for everybody
LARGEST_QUESTION = 1 << 20  # bytes of JSON
_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_PARTS = (labels, sound, help_api, inbox, training, judgement, upload)


class StudioServer(WebServer):
    """Serves the page of a studio from a thread. Raises ConfigError when the port is taken."""

    def __init__(self, address: Address, studio: Studio) -> None:
        app = web.Application(middlewares=[_errors_as_json], client_max_size=LARGEST_QUESTION)
        pages = studio.changes.pages
        app.add_routes([web.get("/", _index), web.get(PUBLIC + "{name}", _file), web.get("/api/changes", pages.stream)])
        listed = RecordingList(studio)
        app.add_routes(recordings.routes(studio, listed))
        for part in _PARTS:
            app.add_routes(part.routes(studio))
        app.on_startup.append(pages.start)
        app.on_shutdown.append(pages.stop)
        super().__init__(address, Site(app, _POLICY, "the studio", "it goes on", PUBLIC))
        self._list, self._watcher = listed, Watcher(studio.labels, studio.changes, listed.check_again)
        self._list.start()
        self._watcher.start()

    def close(self) -> None:
        """Stop looking at the dataset, close the connections of all pages and stop the server."""
        self._watcher.close()
        self._list.close()
        super().close()


async def _index(_request: web.Request) -> web.Response:
    return _served("index.html")


async def _file(request: web.Request) -> web.Response:
    return _served(request.match_info["name"])


def _served(name: str) -> web.Response:
    """Return one of the page's own files; nothing else lies in its folder, and no name leads out of it."""
    for file in (files("stapes.train.studio") / "page").iterdir():
        suffix = file.name[file.name.rfind(".") :]
        if file.name == name and suffix in _TYPES:
            return web.Response(body=file.read_bytes(), content_type=_TYPES[suffix], charset="utf-8")
    raise web.HTTPNotFound(text="no such file")


@web.middleware
async def _errors_as_json(request: web.Request, handler: Callable) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
        return response
    except UnknownRecordingError as error:
        return web.json_response({"error": str(error)}, status=404)
    except StapesError as error:
        return web.json_response({"error": str(error)}, status=400)
    except web.HTTPException as refusal:
        if refusal.status < 400 or refusal.content_type == "application/json":
            raise
        refusal.text = json.dumps({"error": refusal.text or refusal.reason})
        refusal.content_type = "application/json"
        raise
