"""A person takes and drops proposals with keys, in headless Chromium. The referee is the files on disk."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
from chromium import Page
from studio_browser import look_at
from tiny_detector import RATE, noise_bursts

from stapes.runtime.labels import read_audacity
from stapes.runtime.web.address import Address
from stapes.train.label.label_help import DROPPED
from stapes.train.studio.server import StudioServer
from stapes.train.studio.studio import Studio

pytestmark = pytest.mark.slow

EDITOR = "document.querySelector('canvas.spectrogram')"
A_GHOST_IS_SELECTED = """
  [...document.querySelectorAll("button")].some((each) => each.textContent === "Take" && !each.hidden)
"""
A_LABEL_IS_SELECTED = """
  [...document.querySelectorAll("button")].some((each) => each.textContent === "Split" && !each.disabled)
"""
ALIKE_ARE_KNOWN = """
  fetch("api/alike?recording=b.wav&onset=2&offset=2.5").then((a) => a.json()).then((found) => found.length > 2)
"""
BURSTS = [(2.0, 2.5, "hiss"), (5.0, 5.5, "rumble"), (8.0, 8.5, "hiss")]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    for name in ("a.wav", "b.wav"):
        soundfile.write(folder / name, noise_bursts(10.0, BURSTS), RATE)
    (folder / "b.txt").write_text("2.0\t2.5\thiss\n")
    return folder


@pytest.fixture
def server(dataset: Path, tiny_detector: Path) -> Iterator[StudioServer]:
    server = StudioServer(Address(port=0), Studio(dataset, tiny_detector))
    yield server
    server.close()


async def _select_next(page: Page, until: str) -> None:
    """Press the key that selects the next label or proposal until something is true: the page may still be loading."""
    await page.until(f"{EDITOR} !== null")
    for _ in range(150):
        await page.press("ArrowDown")
        if await page.value(until):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"never true: {until}")


def test_enter_takes_a_proposal_and_delete_drops_it_for_good(
    server: StudioServer, dataset: Path, tmp_path: Path
) -> None:
    async def label(page: Page) -> None:
        await _select_next(page, A_GHOST_IS_SELECTED)
        await page.press("Enter")
        await page.until("fetch('api/labels?recording=a.wav').then((a) => a.json()).then((l) => l.events.length === 1)")
        await _select_next(page, A_GHOST_IS_SELECTED)
        await page.press("Delete")
        await page.until("fetch('api/proposals?recording=a.wav').then((a) => a.json()).then((l) => l.length === 1)")

    look_at(server.url + "#edit/a.wav", tmp_path / "profile", label)
    [taken] = read_audacity(dataset / "a.txt")
    assert (round(taken.onset, 1), taken.label) == (2.0, "hiss")
    [(onset, _)] = json.loads((dataset / ".studio.json").read_text())[DROPPED]["a.wav"]
    assert round(onset, 1) == 5.0
    assert (dataset / "b.txt").read_text() == "2.0\t2.5\thiss\n"


def test_the_most_alike_come_next_and_each_is_taken_with_one_key(
    server: StudioServer, dataset: Path, tmp_path: Path
) -> None:
    async def label(page: Page) -> bytes:
        await page.until("fetch('api/proposals?recording=a.wav').then((a) => a.status === 200)")
        await page.until("fetch('api/proposals?recording=b.wav').then((a) => a.status === 200)")
        await page.until(ALIKE_ARE_KNOWN)
        await _select_next(page, A_LABEL_IS_SELECTED)
        await page.press("k")
        for _ in range(3):
            await page.until(A_GHOST_IS_SELECTED)
            picture = await page.picture()
            await page.press("Enter")
            await page.until(f"!({A_GHOST_IS_SELECTED})")
            await page.press("n")
        await page.until("fetch('api/labels?recording=b.wav').then((a) => a.json()).then((l) => l.events.length === 2)")
        await page.until("fetch('api/labels?recording=a.wav').then((a) => a.json()).then((l) => l.events.length === 2)")
        return picture

    picture = look_at(server.url + "#edit/b.wav", tmp_path / "profile", label)
    (tmp_path / "alike.png").write_bytes(picture)
    taken = [*read_audacity(dataset / "a.txt"), *read_audacity(dataset / "b.txt")]
    assert [(round(each.onset), each.label) for each in taken] == [(2, "hiss"), (8, "hiss"), (2, "hiss"), (8, "hiss")]
