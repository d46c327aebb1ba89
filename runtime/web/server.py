"""A web server in a thread of its own, open to this machine only unless there is a token.

It never takes what the rest of the program needs. Connections are limited in number and in the time that they may be
idle, so that file handles remain, and an error that is repeated is logged once.
"""

import asyncio
import hmac
import logging
import resource
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import SplitResult, quote, urlsplit

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.web.address import Address, is_this_machine

MOST_CONNECTIONS = 256
ACCEPTED_AT_ONCE = 64  # connections beyond the limit that are open for a moment, until they are closed
IDLE_S = 10.0  # longest time without a complete request header
LOGGED_ERRORS = 20  # different ones
BODIES = ("application/json", "application/octet-stream")  # which no page sends to another site without asking it first
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Site:
    """What is served, and how it is called in the log."""

    app: web.Application
    policy: str  # the Content-Security-Policy of every answer
    name: str  # as in "the live page"
    goes_on: str  # what an error of the site does not stop, as in "listening goes on"
    public: str | None = None  # the path of files that everybody may read, so that no token is asked for

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every answer."""
        return {
            "Content-Security-Policy": self.policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }


class WebServer:
    """Serves a site from a thread. Raises ConfigError when the port is taken."""

    def __init__(self, address: Address, site: Site) -> None:
        self._address, self.site = address, site
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
        app = self.site.app
        app.middlewares.append(self._guard)
        app.on_response_prepare.append(self._add_headers)
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
        """Log an error of the site, unless it was logged before."""
        text = f"{self.site.name}: {error or what}; {self.site.goes_on}"
        if text not in self._logged and len(self._logged) < LOGGED_ERRORS:
            self._logged.add(text)
            logger.warning(text)

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
        token, is_public = (
            self._address.token,
            self.site.public is not None and request.path.startswith(self.site.public),
        )
        given = request.query.get("token", "")
        if token is not None and not is_public and not hmac.compare_digest(given.encode(), token.encode()):
            raise web.HTTPForbidden(text="wrong token")
        if token is None and not is_this_machine(_split(f"//{request.host}").hostname or ""):
            raise web.HTTPForbidden(text="wrong host")
        origin = request.headers.get("Origin")
        if origin is not None and _split(origin).netloc != request.host:
            raise web.HTTPForbidden(text="wrong origin")
        if request.method not in ("GET", "HEAD") and request.match_info.http_exception is None:
            # A form of another site can send neither of these types, and every browser names the origin of a POST.
            if origin is None:
                raise web.HTTPForbidden(text="no origin")
            if request.content_type not in BODIES:
                raise web.HTTPUnsupportedMediaType(text=f"send {' or '.join(BODIES)}")

    async def _add_headers(self, _request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(self.site.headers)


class _Connection(web.RequestHandler):
    """A connection, which is closed when it is idle for too long. A body that nobody read is not waited for."""

    def __init__(self, server: WebServer, handlers: Any, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            handlers,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # turns it off
            keepalive_timeout=IDLE_S,
            lingering_time=0,
        )
        self._web = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection."""
        super().connection_made(transport)
        self._web.opened(cast(asyncio.Transport, transport))

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection."""
        self._web.closed(cast(asyncio.Transport, self.transport))
        super().connection_lost(exc)

    def handle_error(self, *arguments: Any, **named: Any) -> web.StreamResponse:
        """Return the answer to a request that is malformed or that failed."""
        answer = super().handle_error(*arguments, **named)
        answer.headers.update(self._web.site.headers)
        return answer

    def log_exception(self, *arguments: Any, exc_info: Any = None, **_named: Any) -> None:
        """Log why a request failed, if that is not the fault of who sent it."""
        if not isinstance(exc_info, HttpProcessingError):
            self._web.log_once(exc_info, str(arguments[0]))


def _most_connections() -> int:
    """Return how many connections may be open: at most a quarter of the file handles that this process may have."""
    handles, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if handles == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, handles // 4)


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:
        raise web.HTTPBadRequest(text="no address") from None
