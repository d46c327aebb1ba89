"""A headless Chromium, driven over its DevTools protocol: open a page, ask it, take its picture."""

import asyncio
import base64
import itertools
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse


class Page:
    """An open page; every method is one question over the WebSocket."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket, self._numbers = socket, itertools.count(1)

    async def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            answer = await self._socket.receive_json(timeout=30)
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    async def value(self, expression: str) -> Any:
        result = await self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def until(self, expression: str, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not await self.value(expression):
            assert time.monotonic() < deadline, f"never true: {expression}"
            await asyncio.sleep(0.1)

    async def picture(self) -> bytes:
        """The page as PNG."""
        return base64.b64decode((await self.ask("Page.captureScreenshot", format="png"))["data"])


class Chromium:
    """A process of its own with a profile of its own; a context manager."""

    def __init__(self, profile: Path, size: tuple[int, int]) -> None:
        program = shutil.which("chromium")
        assert program is not None
        self._profile = profile
        command = [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--mute-audio"]
        command += [f"--user-data-dir={profile}", "--remote-debugging-port=0", f"--window-size={size[0]},{size[1]}"]
        self._process = subprocess.Popen(
            [*command, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def __enter__(self) -> "Chromium":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)

    async def open(self, session: ClientSession, url: str) -> Page:
        """Open `url` in the browser's first page."""
        port = await self._port()
        async with session.get(f"http://127.0.0.1:{port}/json") as answer:
            targets = json.loads(await answer.text())
        target = next(target for target in targets if target["type"] == "page")
        page = Page(await session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=1 << 26))
        await page.ask("Page.navigate", url=url)
        await page.until(f"location.href.startsWith({json.dumps(url)}) && document.readyState === 'complete'")
        return page

    async def _port(self) -> int:
        port_file = self._profile / "DevToolsActivePort"
        deadline = time.monotonic() + 60
        while not port_file.exists() or not port_file.read_text().strip():
            assert self._process.poll() is None, "chromium ended"
            assert time.monotonic() < deadline, "chromium does not answer"
            await asyncio.sleep(0.1)
        return int(port_file.read_text().split()[0])
