"""The studio for people who use a keyboard, a screen reader, a finger or a dim screen.

The referee for names and roles is Chromium's own accessibility tree. Contrast is computed from the colours that are
shown, by the formula of the Web Content Accessibility Guidelines 2.1, which ask for 4.5 (3 for large text).
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from chromium import Page
from studio_browser import look_at
from tiny_detector import RATE, noise_bursts

from stapes.runtime.web.address import Address
from stapes.train.studio.server import StudioServer
from stapes.train.studio.studio import Studio

pytestmark = pytest.mark.slow

VIEWS = ("#visit", "#recordings", "#inbox", "#train", "#judge", "#edit/hall%2Fone.wav?at=1")
CONTROLS = ("button", "link", "textbox", "searchbox", "combobox", "checkbox", "slider", "tab", "spinbutton", "meter")
SMALLEST_PX = 40  # of what a finger has to hit

SCRIPT = (Path(__file__).resolve().parents[2] / "helpers" / "accessibility.js").read_text(encoding="utf-8")


@pytest.fixture
def server(tmp_path: Path, tiny_detector: Path) -> Iterator[StudioServer]:
    dataset, clips = tmp_path / "sounds", tmp_path / "clips"
    clips.mkdir()
    for session, name in (("hall", "one"), ("yard", "two")):
        (dataset / session).mkdir(parents=True)
        soundfile.write(dataset / session / f"{name}.wav", noise_bursts(6.0, [(1.0, 1.6, "hiss")]), RATE)
        (dataset / session / f"{name}.txt").write_text("1.0\t1.6\thiss\n")
    soundfile.write(dataset / "hall" / "three.wav", noise_bursts(6.0, [(2.0, 2.6, "rumble")]), RATE)
    soundfile.write(dataset / "hall" / "cut.wav", np.zeros(100), RATE)
    (dataset / "hall" / "cut.txt").write_text("9\t10\thiss\n")
    server = StudioServer(Address(port=0), Studio(dataset, tiny_detector, clips))
    yield server
    server.close()


async def _open(page: Page, view: str, scheme: str) -> None:
    await page.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    await page.value(f"location.hash = {json.dumps(view)}")
    await page.ask("Page.reload")
    await asyncio.sleep(1.5)
    await page.until("(document.querySelector('#view')?.innerText ?? '').trim() !== ''")
    await page.value(f"{SCRIPT}; true")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(server: StudioServer, tmp_path: Path, scheme: str) -> None:
    async def look(page: Page) -> dict[str, dict[str, Any]]:
        found = {}
        for view in VIEWS:
            await _open(page, view, scheme)
            found[view] = await page.value("contrast()")
        return found

    found = look_at(server.url, tmp_path / "profile", look)
    assert all(each["measured"] >= 8 for each in found.values()), found
    assert [(view, low) for view, each in found.items() for low in each["low"]] == []


def test_every_control_has_a_role_and_a_name(server: StudioServer, tmp_path: Path) -> None:
    async def look(page: Page) -> dict[str, list[dict[str, Any]]]:
        trees = {}
        for view in VIEWS:
            await _open(page, view, "light")
            trees[view] = (await page.ask("Accessibility.getFullAXTree"))["nodes"]
        return trees

    for view, nodes in look_at(server.url, tmp_path / "profile", look).items():
        seen = [node for node in nodes if not node["ignored"] and node["role"]["value"] in CONTROLS]
        assert len(seen) >= 5, view
        roles = {node["role"]["value"] for node in nodes if not node["ignored"]}
        assert {"heading", "main", "navigation"} <= roles, (view, roles)
        nameless = [node for node in seen if not node.get("name", {}).get("value", "").strip()]
        assert not nameless, (view, [(node["role"], node.get("properties")) for node in nameless])


def test_tab_reaches_every_control_in_the_order_of_the_page_and_shows_where_it_is(
    server: StudioServer, tmp_path: Path
) -> None:
    async def look(page: Page) -> dict[str, tuple[list[int], list[Any]]]:
        found = {}
        for view in VIEWS:
            await _open(page, view, "light")
            indices = await page.value("numberFocusable()")
            reached = []
            for _ in range(len(indices) + 2):  # two, because the focus may leave the page at its end and come back
                for kind in ("rawKeyDown", "keyUp"):
                    await page.ask("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
                reached.append(await page.value("focused()"))
            found[view] = (indices, reached)
        return found

    for view, (indices, reached) in look_at(server.url, tmp_path / "profile", look).items():
        assert set(indices) == {0}, f"{view}: a positive tabindex breaks the order of the page"
        numbers = [each["number"] for each in reached if each["number"] >= 0][: len(indices)]
        begin = numbers[0]  # a view may give the focus to what one works with
        assert numbers == [(begin + at) % len(indices) for at in range(len(indices))], (view, reached)
        assert [each["place"] for each in reached if each["number"] >= 0 and not each["shows"]] == [], view


def test_what_a_finger_has_to_hit_is_large_enough(server: StudioServer, tmp_path: Path) -> None:
    async def look(page: Page) -> dict[str, list[Any]]:
        small = {}
        for view in VIEWS:
            await _open(page, view, "light")
            small[view] = await page.value(f"lowerThan({SMALLEST_PX})")
        return small

    found = look_at(server.url, tmp_path / "profile", look)
    assert [(view, place) for view, places in found.items() for place in places] == []
