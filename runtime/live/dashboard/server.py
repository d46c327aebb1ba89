"""The server of the page: aiohttp in a thread of its own, open to this machine only unless there is a token.

It never takes what listening needs. Connections are limited in number and in the time that they may be idle, so that
file handles remain for clips and sinks, and an error that is repeated is logged once.
"""

import asyncio
import hmac
import logging
import os
import re
import resource
import threading
from collections.abc import Callable
from concurrent.futures import Future
from importlib.resources import files
from pathlib import Path
from typing import Any, cast
from urllib.parse import SplitResult, quote, urlsplit

from aiohttp import WSCloseCode, web
from aiohttp.http_exceptions import HttpProcessingError

from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.live.dashboard.address import Address, is_this_machine

BACKLOG = 100  # messages, 10 s of them: a page that reads more slowly loses the oldest
LARGEST_MESSAGE = 1024  # bytes; a page has no reason to send anything
MOST_CONNECTIONS = 256
ACCEPTED_AT_ONCE = 64  # connections beyond the limit that are open for a moment, until they are closed
IDLE_S = 10.0  # longest time without a complete request header
LOGGED_ERRORS = 20  # different ones
_CLIP = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*\.flac")
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
logger = logging.getLogger(__name__)


class PageServer:
    """Serves the page from a thread; any thread may call `send`. Raises ConfigError when the port is taken."""

    def __init__(self, address: Address, hello: Callable[[], list[str]], clips: Path | None) -> None:
        self._address, self._hello, self._clips = address, hello, clips
        self._queues: set[asyncio.Queue[str | None]] = set()
        self._connections: dict[asyncio.Transport, bool] = {}  # whether it is idle; the oldest first
        self._logged: set[str] = set()
        self._loop = asyncio.new_event_loop()
        started: Future[int] = Future()
        self._thread = threading.Thread(target=self._serve, args=(started,), name="page", daemon=True)
        self._thread.start()
        try:
            self.port = started.result()
        except OSError as error:
            raise ConfigError(
                f"--web {address.host}:{address.port}: cannot be served there ({error.strerror}); choose another port"
            ) from error

    @property
    def url(self) -> str:
        """The URL for a browser, with the token."""
        return self.url_for_log + (quote(self._address.token) if self._address.token else "")

    @property
    def url_for_log(self) -> str:
        """The URL without the token, which others may read in a log."""
        host = f"[{self._address.host}]" if ":" in self._address.host else self._address.host
        return f"http://{host}:{self.port}/{'?token=' if self._address.token else ''}"

    @property
    def clients(self) -> int:
        """The number of open pages."""
        return len(self._queues)

    def send(self, message: str) -> None:
        """Send a message to every open page, without waiting."""
        self._loop.call_soon_threadsafe(self._queue_message, message)

    def close(self) -> None:
        """Close the connections of all pages and stop the server."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)

    def _serve(self, started: "Future[int]") -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(
            lambda _loop, context: self.log_once(context.get("exception"), context["message"])
        )
        self._loop.run_until_complete(self._run(started))
        self._loop.close()

    async def _run(self, started: "Future[int]") -> None:
        self._stop = asyncio.Event()
        app = web.Application(middlewares=[self._guard])
        app.add_routes(
            [web.get("/", self._page), web.get("/stream", self._stream), web.get("/clips/{name}", self._clip)]
        )
        app.on_response_prepare.append(_add_headers)
        runner = web.AppRunner(app, shutdown_timeout=1.0)
        await runner.setup()
        try:
            server = await self._loop.create_server(
                lambda: _Connection(self, runner.server, self._loop),
                self._address.host,
                self._address.port,
                backlog=ACCEPTED_AT_ONCE,
            )
        except OSError as error:
            await runner.cleanup()
            started.set_exception(error)
            return
        started.set_result(server.sockets[0].getsockname()[1])
        await self._stop.wait()
        server.close()
        for queue in self._queues:
            queue.put_nowait(None)
        await runner.cleanup()

    def opened(self, connection: asyncio.Transport) -> None:
        """Count a connection. Where there are too many, close the oldest idle one, which may be this one."""
        self._connections[connection] = True
        if len(self._connections) > _most_connections():
            oldest = next(each for each, is_idle in self._connections.items() if is_idle)
            self.closed(oldest)
            oldest.abort()

    def closed(self, connection: asyncio.Transport) -> None:
        """Forget a connection."""
        self._connections.pop(connection, None)

    def log_once(self, error: BaseException | None, what: str) -> None:
        """Log an error of the page, unless it was logged before."""
        text = f"the live page: {error or what}; listening goes on"
        if text not in self._logged and len(self._logged) < LOGGED_ERRORS:
            self._logged.add(text)
            logger.warning(text)

    def _queue_message(self, message: str) -> None:
        for queue in self._queues:
            if queue.qsize() >= BACKLOG:
                queue.get_nowait()
            queue.put_nowait(message)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Callable) -> web.StreamResponse:
        """Refuse wrong tokens, pages of other sites, and foreign host names that resolve to this machine."""
        connection = request.transport
        if connection is None:
            raise ConnectionResetError
        self._connections[connection] = False
        try:
            self._require_permission(request)
            response: web.StreamResponse = await handler(request)
            return response
        finally:
            if self._connections.pop(connection, None) is not None:
                self._connections[connection] = True  # as the youngest

    def _require_permission(self, request: web.Request) -> None:
        token = self._address.token
        if token is not None and not hmac.compare_digest(request.query.get("token", "").encode(), token.encode()):
            raise web.HTTPForbidden(text="wrong token")
        if token is None and not is_this_machine(_split(f"//{request.host}").hostname or ""):
            raise web.HTTPForbidden(text="wrong host")
        origin = request.headers.get("Origin")
        if origin is not None and _split(origin).netloc != request.host:
            raise web.HTTPForbidden(text="wrong origin")

    async def _page(self, _request: web.Request) -> web.Response:
        html = (files("stapes.runtime.live.dashboard") / "page.html").read_text(encoding="utf-8")
        return web.Response(text=html, content_type="text/html")

    async def _clip(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if self._clips is None or not _CLIP.fullmatch(name) or not os.path.isfile(self._clips / name):
            raise web.HTTPNotFound(text="no such clip")
        return web.FileResponse(self._clips / name, headers={"Content-Type": "audio/flac"})

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        # Compressing for each page would cost more than the 30 KB/s that it saves are worth.
        socket = web.WebSocketResponse(heartbeat=20, max_msg_size=LARGEST_MESSAGE, compress=False)
        await socket.prepare(request)
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        for greeting in self._hello():
            queue.put_nowait(greeting)
        self._queues.add(queue)
        reader = asyncio.create_task(_ignore(socket))
        try:
            while not reader.done() and (message := await _next(queue, reader)) is not None:
                await socket.send_str(message)
        except ConnectionError:
            pass
        finally:
            self._queues.discard(queue)
            reader.cancel()
            await socket.close(code=WSCloseCode.GOING_AWAY)
        return socket


class _Connection(web.RequestHandler):
    """A connection, which is closed when it is idle for too long. Requests have no bodies, so none is waited for."""

    def __init__(self, page: PageServer, server: Any, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # turns it off
            keepalive_timeout=IDLE_S,
            lingering_time=0,
        )
        self._page = page

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection."""
        super().connection_made(transport)
        self._page.opened(cast(asyncio.Transport, transport))

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection."""
        self._page.closed(cast(asyncio.Transport, self.transport))
        super().connection_lost(exc)

    def handle_error(self, *arguments: Any, **named: Any) -> web.StreamResponse:
        """Return the answer to a request that is malformed or that failed."""
        answer = super().handle_error(*arguments, **named)
        answer.headers.update(_HEADERS)
        return answer

    def log_exception(self, *arguments: Any, exc_info: Any = None, **_named: Any) -> None:
        """Log why a request failed, if that is not the fault of who sent it."""
        if not isinstance(exc_info, HttpProcessingError):
            self._page.log_once(exc_info, str(arguments[0]))


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def _most_connections() -> int:
    """Return how many connections may be open: at most a quarter of the file handles that this process may have."""
    handles, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if handles == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, handles // 4)


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:
        raise web.HTTPBadRequest(text="no address") from None


async def _next(queue: "asyncio.Queue[str | None]", reader: "asyncio.Task[None]") -> str | None:
    """Return the next message, or None when the page was closed."""
    message = asyncio.ensure_future(queue.get())
    await asyncio.wait({message, reader}, return_when=asyncio.FIRST_COMPLETED)
    if message.done():
        return message.result()
    message.cancel()
    return None


async def _ignore(socket: web.WebSocketResponse) -> None:
    """Read and ignore what a page sends, until it is closed."""
    async for _ in socket:
        pass
