"""A headless Chromium, driven over its DevTools protocol: open a page, ask it, take its picture."""

import asyncio
import base64
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

MODIFIERS = {"Alt": 1, "Control": 2, "Meta": 4, "Shift": 8}  # bits of the DevTools protocol
KEYS = {"Enter": 13, "Escape": 27, "Delete": 46, "Backspace": 8, "Tab": 9, " ": 32, "Home": 36, "End": 35}
KEYS |= {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "PageUp": 33, "PageDown": 34}
KEYS |= {"+": 187, "-": 189, ".": 190, "?": 191}  # their codes on the key that they share with others


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

    async def press(self, key: str, *held: str) -> None:
        """Press and release a key, with others held: `press("z", "Control")`; a letter, a digit or a name in `KEYS`."""
        modifiers = sum(MODIFIERS[name] for name in held)
        code = KEYS.get(key, ord(key.upper()) if len(key) == 1 else 0)
        assert code, f"no code is known for the key {key}"
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        down: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        typed = {"text": text} if text and not modifiers & ~MODIFIERS["Shift"] else {}
        await self.ask("Input.dispatchKeyEvent", type="keyDown" if typed else "rawKeyDown", **down, **typed)
        await self.ask("Input.dispatchKeyEvent", type="keyUp", **down)

    async def type(self, text: str) -> None:
        """Type a text into the element that has the focus."""
        await self.ask("Input.insertText", text=text)

    async def mouse(self, kind: str, at: tuple[float, float], **more: Any) -> None:
        """Dispatch one event of the mouse: mousePressed, mouseReleased, mouseMoved or mouseWheel, in CSS pixels."""
        button = {} if kind in ("mouseMoved", "mouseWheel") else {"button": "left", "clickCount": 1}
        await self.ask("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], **{**button, **more})

    async def click(self, at: tuple[float, float]) -> None:
        """Click with the left button."""
        await self.mouse("mouseMoved", at)
        await self.mouse("mousePressed", at)
        await self.mouse("mouseReleased", at)

    async def drag(self, start: tuple[float, float], end: tuple[float, float], *held: str) -> None:
        """Drag with the left button, in steps as a hand does, with keys held."""
        modifiers = sum(MODIFIERS[name] for name in held)
        await self.mouse("mouseMoved", start)
        await self.mouse("mousePressed", start, modifiers=modifiers)
        for step in range(1, 9):
            at = tuple(a + (b - a) * step / 8 for a, b in zip(start, end, strict=True))
            await self.mouse("mouseMoved", (at[0], at[1]), button="left", buttons=1, modifiers=modifiers)
        await self.mouse("mouseReleased", end, modifiers=modifiers)

    async def picture(self) -> bytes:
        """The page as PNG."""
        return base64.b64decode((await self.ask("Page.captureScreenshot", format="png"))["data"])


class Chromium:
    """A process of its own with a profile of its own; a context manager."""

    def __init__(self, profile: Path, size: tuple[int, int], flags: Sequence[str] = ()) -> None:
        program = shutil.which("chromium")
        assert program is not None
        self._profile = profile
        command = [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--mute-audio"]
        command += [f"--user-data-dir={profile}", "--remote-debugging-port=0", f"--window-size={size[0]},{size[1]}"]
        self._process = subprocess.Popen(
            [*command, *flags, "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def __enter__(self) -> "Chromium":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)

    async def open(self, session: ClientSession, url: str) -> Page:
        """Open `url` in the browser's first page."""
        async with session.get(f"http://127.0.0.1:{await self._port()}/json") as answer:
            targets = json.loads(await answer.text())
        return await self._show(session, next(target for target in targets if target["type"] == "page"), url)

    async def open_another(self, session: ClientSession, url: str) -> Page:
        """Open `url` in one more window."""
        async with session.put(f"http://127.0.0.1:{await self._port()}/json/new?about:blank") as answer:
            return await self._show(session, json.loads(await answer.text()), url)

    async def _show(self, session: ClientSession, target: dict[str, Any], url: str) -> Page:
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
