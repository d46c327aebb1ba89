"""Messages to every open page, over WebSockets."""

import asyncio
from collections.abc import Callable

from aiohttp import WSCloseCode, web

BACKLOG = 100  # messages behind those that greet it; a page that reads more slowly loses the oldest
LARGEST_MESSAGE = 1024  # bytes; a page has no reason to send anything


class Broadcast:
    """The open pages of a server. `hello` gives the messages that a page gets when it opens, in the server's thread."""

    def __init__(self, hello: Callable[[], list[str]] = list) -> None:
        self._hello = hello
        self._queues: set[asyncio.Queue[str | None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None  # of the server; None while it does not run

    @property
    def clients(self) -> int:
        """The number of open pages."""
        return len(self._queues)

    async def start(self, _app: web.Application) -> None:
        """Send messages from now on; a handler of `on_startup`."""
        self._loop = asyncio.get_running_loop()

    async def stop(self, _app: web.Application) -> None:
        """Close the connections of all pages; a handler of `on_shutdown`."""
        self._loop = None
        for queue in self._queues:
            queue.put_nowait(None)

    def send(self, message: str) -> None:
        """Send a message to every open page, without waiting; any thread may call it."""
        loop = self._loop
        if loop is not None:
            loop.call_soon_threadsafe(self._queue_message, message)

    async def stream(self, request: web.Request) -> web.WebSocketResponse:
        """Answer a page that opens: it gets what is sent from now on, until it is closed."""
        # Compressing for each page would cost more than the 30 KB/s that it saves are worth.
        socket = web.WebSocketResponse(heartbeat=20, max_msg_size=LARGEST_MESSAGE, compress=False)
        await socket.prepare(request)
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._queues.add(queue)
        reader = asyncio.create_task(_ignore(socket))
        try:
            # Not through the queue: a greeting longer than BACKLOG would lose its beginning to what is sent meanwhile.
            for greeting in self._hello():
                await socket.send_str(greeting)
            while not reader.done() and (message := await _next(queue, reader)) is not None:
                await socket.send_str(message)
        except ConnectionError:
            pass
        finally:
            self._queues.discard(queue)
            reader.cancel()
            await socket.close(code=WSCloseCode.GOING_AWAY)
        return socket

    def _queue_message(self, message: str) -> None:
        for queue in self._queues:
            if queue.qsize() >= BACKLOG:
                queue.get_nowait()
            queue.put_nowait(message)


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
