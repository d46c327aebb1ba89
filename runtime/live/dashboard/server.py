"""The server of the page: aiohttp in a thread of its own, open to this machine only unless there is a token."""

import asyncio
import hmac
import logging
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from importlib.resources import files
from pathlib import Path
from urllib.parse import SplitResult, quote, urlsplit

from aiohttp import WSCloseCode, web
from aiohttp.http_exceptions import HttpProcessingError

from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.live.dashboard.address import Address, is_this_machine

BACKLOG = 100  # messages, 10 s of them: a page that reads more slowly loses the oldest
LARGEST_MESSAGE = 1024  # bytes; a page has no reason to send anything
_CLIP = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*\.flac")
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
# Malformed requests are answered with 400; aiohttp would log a traceback as well.
logger = logging.getLogger(__name__)
logger.addFilter(lambda record: not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError)))


class PageServer:
    """Serves the page from a thread; any thread may call `send`. Raises ConfigError when the port is taken."""

    def __init__(self, address: Address, hello: Callable[[], list[str]], clips: Path | None) -> None:
        self._address, self._hello, self._clips = address, hello, clips
        self._queues: set[asyncio.Queue[str | None]] = set()
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
        token = f"/?token={quote(self._address.token)}" if self._address.token else "/"
        host = f"[{self._address.host}]" if ":" in self._address.host else self._address.host
        return f"http://{host}:{self.port}{token}"

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
        self._loop.run_until_complete(self._run(started))
        self._loop.close()

    async def _run(self, started: "Future[int]") -> None:
        self._stop = asyncio.Event()
        app = web.Application(middlewares=[self._guard])
        app.add_routes(
            [web.get("/", self._page), web.get("/stream", self._stream), web.get("/clips/{name}", self._clip)]
        )
        runner = web.AppRunner(app, access_log=None, logger=logger, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._address.host, self._address.port)
            await site.start()
        except OSError as error:
            await runner.cleanup()
            started.set_exception(error)
            return
        started.set_result(runner.addresses[0][1])
        await self._stop.wait()
        for queue in self._queues:
            queue.put_nowait(None)
        await runner.cleanup()

    def _queue_message(self, message: str) -> None:
        for queue in self._queues:
            if queue.qsize() >= BACKLOG:
                queue.get_nowait()
            queue.put_nowait(message)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Callable) -> web.StreamResponse:
        """Refuse wrong tokens, pages of other sites, and foreign host names that resolve to this machine."""
        token = self._address.token
        if token is not None and not hmac.compare_digest(request.query.get("token", "").encode(), token.encode()):
            raise web.HTTPForbidden(text="wrong token")
        if token is None and not is_this_machine(_split(f"//{request.host}").hostname or ""):
            raise web.HTTPForbidden(text="wrong host")
        origin = request.headers.get("Origin")
        if origin is not None and _split(origin).netloc != request.host:
            raise web.HTTPForbidden(text="wrong origin")
        response: web.StreamResponse = await handler(request)
        if not response.prepared:
            response.headers.update(_HEADERS)
        return response

    async def _page(self, _request: web.Request) -> web.Response:
        html = (files("stapes.runtime.live.dashboard") / "page.html").read_text(encoding="utf-8")
        return web.Response(text=html, content_type="text/html")

    async def _clip(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if self._clips is None or not _CLIP.fullmatch(name) or not (self._clips / name).is_file():
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
