"""A page of the studio in headless Chromium, for tests that use it as a person does."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from aiohttp import ClientSession
from chromium import Chromium, Page

Seen = TypeVar("Seen")
SIZE = (1280, 900)  # of the window, in CSS pixels
LOOK_S = 120.0


def look_at(url: str, profile: Path, look: Callable[[Page], Awaitable[Seen]], flags: Sequence[str] = ()) -> Seen:
    """Open `url` in a browser of its own and return what `look` returns. Skips the test where there is no Chromium."""
    if shutil.which("chromium") is None:
        pytest.skip("needs Debian's chromium")

    async def looked(browser: Chromium) -> Seen:
        async with ClientSession() as session:
            page = await browser.open(session, url)
            width, height = SIZE
            await page.ask(
                "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
            )
            return await look(page)

    with Chromium(profile, SIZE, flags) as browser:
        return asyncio.run(asyncio.wait_for(looked(browser), LOOK_S))
