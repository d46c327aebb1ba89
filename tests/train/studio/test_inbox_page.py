"""A person sorts clips with one key each, in headless Chromium. The referee is the files on disk."""

import json
from pathlib import Path

import pytest
import soundfile
from chromium import Page
from made_clips import make_clip
from studio_browser import look_at
from tiny_detector import RATE, noise_bursts

from stapes.runtime.labels import read_audacity
from stapes.runtime.web.address import Address
from stapes.train.data.dataset import open_dataset
from stapes.train.label.inbox import is_judged
from stapes.train.studio.server import StudioServer
from stapes.train.studio.studio import Studio

pytestmark = pytest.mark.slow

EVENT_STANDS_OUT = """() => {
  const canvas = document.querySelector("canvas.clip"), context = canvas.getContext("2d");
  const at = (seconds) => [...context.getImageData(seconds / 3 * canvas.width, canvas.height / 4, 1, 1).data];
  const [quiet, event] = [at(0.5), at(1.25)];
  return Math.max(...quiet.map((value, index) => Math.abs(value - event[index]))) > 60;
}"""
NONE = "document.querySelector('.none')"
HOSTILE = '<img src=x onerror="document.title=1">'
DAYS = [f"2026-03-{day:02}" for day in range(1, 29)]
TRAINED = [day for day in DAYS if not is_judged(day)]
JUDGED = [day for day in DAYS if is_judged(day)]


def _verdict(path: Path) -> dict:
    return json.loads(path.with_suffix(".json").read_text())["sorted"]


def test_six_clips_are_sorted_with_one_key_each_and_one_is_undone(tmp_path: Path, tiny_detector: Path) -> None:
    dataset, clips = tmp_path / "recordings", tmp_path / "clips"
    dataset.mkdir()
    soundfile.write(dataset / "a.wav", noise_bursts(3.0, [(1.0, 1.5, "hiss")]), RATE)
    (dataset / "labels.tsv").write_text(f"filename\tonset\toffset\tevent_label\na.wav\t1.0\t1.5\t{HOSTILE}\n")
    names = [make_clip(clips, tiny_detector, f"{day}T12:00:00Z") for day in TRAINED[:5]]
    aside = make_clip(clips, tiny_detector, f"{JUDGED[0]}T12:00:00Z")
    order = sorted([*names, aside])
    server = StudioServer(Address(port=0), Studio(dataset, tiny_detector, clips))

    async def sort(page: Page) -> tuple[str, str]:
        await page.until("document.querySelector('.clip-about h2')?.textContent.startsWith('Was it hiss')")
        for number, name in enumerate(order, start=1):
            await page.press("w" if name == names[1] else "u" if name == names[2] else "r")
            await page.until(f"document.querySelector('progress').value === {number}")
        await page.until(f"{NONE}.textContent.startsWith('All clips are sorted')")
        await page.press("z", "Control")
        await page.until("document.querySelector('.message').textContent.endsWith('waits again.')")
        await page.press("o")
        await page.until("document.activeElement.closest('.classes') !== null")
        await page.value("document.querySelector('.classes input').focus()")
        await page.type("kettle")
        await page.press("Enter")
        await page.until(f"!{NONE}.hidden")
        await page.until("!document.querySelector('.message').textContent.endsWith('waits again.')")
        return await page.value(f"{NONE}.textContent"), await page.value("document.title")

    try:
        text, title = look_at(server.url + "#inbox", tmp_path / "profile", sort)
    finally:
        server.close()
    assert text.startswith("All clips are sorted")
    assert title != "1"
    assert not list(clips.glob("*.flac"))
    last = order[-1]
    assert (clips / "judging" / aside).is_file()
    assert (clips / "unsure" / names[2]).is_file()
    assert (dataset / "clips" / names[1]).with_suffix(".txt").read_text() == ""
    right = [name for name in names if name not in (names[1], names[2], last)]
    for name in right:
        assert [each.label for each in read_audacity((dataset / "clips" / name).with_suffix(".txt"))] == ["hiss"]
    place = clips / "judging" if last == aside else dataset / "clips"
    assert _verdict(place / last)["verdict"] == "other"
    assert _verdict(place / last)["label"] == "kettle"
    assert {each.path.name for each in open_dataset(dataset).recordings} >= {*right, names[1]}


def test_a_clip_is_shown_with_its_spectrogram_and_what_was_heard_in_it(tmp_path: Path, tiny_detector: Path) -> None:
    """The picture is kept for a person to look at; here, its event is brighter or darker than what surrounds it."""
    dataset, clips = tmp_path / "recordings", tmp_path / "clips"
    dataset.mkdir()
    for day in TRAINED[:3]:
        make_clip(clips, tiny_detector, f"{day}T12:00:00Z", kind="near miss")
    server = StudioServer(Address(port=0), Studio(dataset, tiny_detector, clips))

    async def look(page: Page) -> bytes:
        await page.until("document.querySelector('canvas.clip')?.width > 100")
        await page.until(f"({EVENT_STANDS_OUT})()")
        return await page.picture()

    try:
        picture = look_at(server.url + "#inbox", tmp_path / "profile", look)
    finally:
        server.close()
    (tmp_path / "inbox.png").write_bytes(picture)
    assert picture[:4] == b"\x89PNG"
