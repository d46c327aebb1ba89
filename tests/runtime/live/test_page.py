"""The live page in a real browser: what is played appears."""

import asyncio
import io
import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import ClientSession
from chromium import Chromium, Page
from numpy.typing import NDArray
from records import record
from tiny_detector import noise_bursts

from stapes.runtime.audio import InputSettings
from stapes.runtime.detector import Detector
from stapes.runtime.live.clips import ClipRecorder, ClipSettings
from stapes.runtime.live.dashboard.server import PageServer
from stapes.runtime.live.dashboard.watcher import Dashboard
from stapes.runtime.live.session import Outputs, run
from stapes.runtime.live.source import Block, Gap
from stapes.runtime.web.address import Address

pytestmark = pytest.mark.slow


class Paced:
    """A source that plays PCM in real time, then waits until the test ends it."""

    name, rate_hz, is_live, lag_s, dropped_s = "paced", 16_000, True, 0.0, 0.0

    def __init__(self, pcm: NDArray[np.int16]) -> None:
        self._samples = pcm[:, None].astype(np.float32) / 32768
        self._at, self._started = 0, time.monotonic()

    def read(self, timeout_s: float) -> Block | Gap | None:
        block = self._samples[self._at : self._at + 320]
        self._at += len(block)
        time.sleep(max(0.0, self._started + self._at / 16_000 - time.monotonic()) if len(block) else timeout_s)
        return block

    def close(self) -> None: ...


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chromium]:
    if shutil.which("chromium") is None:
        pytest.skip("needs Debian's chromium")
    with Chromium(tmp_path / "profile", (1100, 760)) as chromium:
        yield chromium


def _see(browser: Chromium, url: str, look: Callable[[Page], Coroutine[Any, Any, Any]]) -> Any:
    async def seen() -> Any:
        async with ClientSession() as session:
            return await look(await browser.open(session, url))

    return asyncio.run(asyncio.wait_for(seen(), 120))


def _facts(detector: str, *records: dict[str, Any]) -> str:
    """Return the first message that a page receives."""
    facts = {"detector": detector, "source": "USB Audio Device (hw:1,0)", "classes": ["pop"], "thresholds": [0.5]}
    facts["sensitivity"] = [0]
    facts |= {"rate_hz": 16_000, "hop_samples": 256, "step_samples": 512, "bands": 40, "records": records}
    facts |= {"band_hz": [100.0 + 180 * band for band in range(40)]}
    return json.dumps({"facts": facts})


def _pixels(png: bytes) -> NDArray[np.float32]:
    from matplotlib.image import imread

    return imread(io.BytesIO(png), format="png")


def test_what_is_played_appears_with_its_clip_and_a_lost_connection_comes_back(
    tiny_detector: Path, tmp_path: Path, browser: Chromium
) -> None:
    detector, clips = Detector.load(tiny_detector), tmp_path / "clips"
    bursts = [(1.0, 1.6, "hiss"), (3.0, 3.8, "rumble"), (5.0, 5.6, "hiss")]
    source, stop = Paced(noise_bursts(9.0, bursts)), threading.Event()
    dashboard = Dashboard(detector, source, Address(port=0, token="secret"), clips)
    url = dashboard.url
    outputs = Outputs([], [dashboard, ClipRecorder(ClipSettings(clips, 0.2, 0.2), detector, source)])
    listening = threading.Thread(target=run, args=(detector, source, outputs, stop, InputSettings()))
    listening.start()

    async def look(page: Page) -> bytes:
        await page.until("document.querySelectorAll('#events tr').length === 3")
        labels = await page.value(
            "[...document.querySelectorAll('#events td:nth-child(2)')].map((cell) => cell.textContent)"
        )
        assert labels == ["hiss", "rumble", "hiss"]
        assert await page.value("byId('state').textContent") == "live"
        clip = (
            "fetch(withToken('clips/' + [...records.values()][0].clip)).then((got) => got.headers.get('content-type'))"
        )
        assert await page.value(clip) == "audio/flac"
        await page.until("nextFrame > 8.5 * facts.rate_hz")
        return await page.picture()

    try:
        png = _see(browser, url, look)
    finally:
        stop.set()
        listening.join()
    (tmp_path / "page.png").write_bytes(png)
    colours = np.unique((_pixels(png)[..., :3] * 15).astype(int).reshape(-1, 3), axis=0)
    assert len(colours) > 50, "a spectrogram, lines and text; a blank page has a few"


def test_a_lost_connection_comes_back_by_itself(browser: Chromium) -> None:
    servers = [PageServer(Address(port=0), lambda: [_facts("pops")], None)]
    port = servers[0].port

    async def look(page: Page) -> None:
        await page.until("byId('state').textContent === 'live'")
        servers.pop().close()
        await page.until("byId('state').textContent.startsWith('no connection')")
        servers.append(PageServer(Address(port=port), lambda: [_facts("again")], None))
        await page.until("byId('state').textContent === 'live' && byId('detector').textContent === 'again'")

    try:
        _see(browser, servers[0].url, look)
    finally:
        for server in servers:
            server.close()


def test_the_page_fits_a_phone(browser: Chromium) -> None:
    server = PageServer(Address(port=0), lambda: [_facts("a detector with a very long name.stapes")], None)

    async def look(page: Page) -> list[int]:
        await page.ask("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=3, mobile=True)
        await page.until("byId('state').textContent === 'live'")
        return await page.value("[document.documentElement.scrollWidth, byId('scores').clientWidth]")

    try:
        scroll_width, drawing_width = _see(browser, server.url, look)
    finally:
        server.close()
    assert scroll_width == 360, "nothing to scroll sideways"
    assert drawing_width > 300


def test_names_that_look_like_markup_are_text(browser: Chromium) -> None:
    markup = "<img src=x onerror=\"document.title='run'\"><b class=planted>pop</b>"
    server = PageServer(Address(port=0), lambda: [_facts(markup, asdict(record(0)) | {"label": markup})], None)

    async def look(page: Page) -> list[Any]:
        await page.until("document.querySelectorAll('#events tr').length === 1")
        heading = await page.value("byId('detector').textContent")
        label = await page.value("document.querySelector('#events td:nth-child(2)').textContent")
        planted = await page.value("document.querySelectorAll('.planted, img').length")
        return [heading, label, planted, await page.value("document.title")]

    try:
        heading, label, planted, title = _see(browser, server.url, look)
    finally:
        server.close()
    assert heading == markup
    assert markup in label
    assert planted == 0
    assert title != "run"


def test_a_missing_clip_is_shown_as_a_dash(browser: Chromium, tmp_path: Path) -> None:
    records = [asdict(record(number)) | {"clip": f"{number}.flac"} for number in range(2)]
    server = PageServer(Address(port=0), lambda: [_facts("pops", *records)], tmp_path)

    async def look(page: Page) -> None:
        await page.until("document.querySelectorAll('#events button').length === 2")
        await page.value("document.querySelector('#events button').click()")
        await page.until("document.querySelector('#events button').textContent === '\u2013'")
        assert await page.value("playing === null")

    try:
        _see(browser, server.url, look)
    finally:
        server.close()


def test_the_page_follows_the_readers_choice_of_light_or_dark(browser: Chromium) -> None:
    server = PageServer(Address(port=0), lambda: [_facts("pops")], None)

    async def look(page: Page) -> list[float]:
        brightness = []
        for scheme in ("light", "dark"):
            media = [{"name": "prefers-color-scheme", "value": scheme}]
            await page.ask("Emulation.setEmulatedMedia", features=media)
            await page.until(
                f"typeof dark === 'object' && dark.matches === {str(scheme == 'dark').lower()} && facts !== null"
            )
            color = ""
            while not color:  # the page loads itself again when the choice changes, and has no body for a moment
                color = await page.value("document.body ? getComputedStyle(document.body).backgroundColor : ''")
            # color is rgb(r, g, b)
            brightness.append(sum(map(int, re.findall(r"\d+", color)[:3])) / 3 / 255)
        return brightness

    try:
        light, dark = _see(browser, server.url, look)
    finally:
        server.close()
    assert light > 0.8
    assert dark < 0.2
