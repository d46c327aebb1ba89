"""The first visit to an empty folder: record, drop, and see what the files say is done. Judged by the files on disk."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from chromium import Page
from studio_browser import look_at

from stapes.runtime.audio import read_audio
from stapes.train.studio.server import StudioServer

pytestmark = pytest.mark.slow

# Chromium's stand-in for a microphone beeps; the other flag says yes when the page asks for the microphone.
MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
DONE = "[...document.querySelectorAll('.steps li.done')].map((item) => item.id)"


async def _middle(page: Page, selector: str) -> dict[str, float]:
    return await page.value(
        f"(() => {{ const shown = document.querySelector({json.dumps(selector)});"
        " shown.scrollIntoView({ block: 'nearest' });"
        " const { x, y, width, height } = shown.getBoundingClientRect();"
        " return { x: x + width / 2, y: y + height / 2 }; })()"
    )


async def _click(page: Page, selector: str) -> None:
    place = await _middle(page, selector)
    for kind in ("mousePressed", "mouseReleased"):
        await page.ask("Input.dispatchMouseEvent", type=kind, **place, button="left", clickCount=1)


def test_an_empty_folder_leads_to_the_first_steps_and_the_microphone_is_recorded(
    server: StudioServer, dataset: Path, tmp_path: Path
) -> None:
    async def look(page: Page) -> bytes:
        await page.until("document.querySelector('.record button') !== null")
        assert await page.value(DONE) == []
        await page.value("document.querySelector('#session').value = 'kitchen'")
        await _click(page, ".record button")
        await page.until("document.querySelector('.level').textContent.startsWith('0:03')")
        await page.until("document.querySelector('meter').value > -60")  # a beep
        picture = await page.picture()
        await _click(page, ".record button")
        await page.until("document.querySelector('.arrived a') !== null")
        await page.until(f"{DONE}.includes('step-record')")
        return picture

    picture = look_at(server.url, tmp_path / "profile", look, MICROPHONE)
    (tmp_path / "visit.png").write_bytes(picture)
    [recording] = (dataset / "kitchen").iterdir()
    header = soundfile.info(recording)
    assert (header.channels, header.subtype) == (1, "PCM_16")
    assert header.samplerate in (44_100, 48_000)
    pcm = read_audio(recording, 16_000).pcm
    assert len(pcm) > 2 * 16_000
    assert np.abs(pcm).max() > 1000, "the beeps are in it"


def test_dropped_recordings_arrive_byte_for_byte_and_what_is_none_is_refused_in_words(
    server: StudioServer, dataset: Path, tmp_path: Path
) -> None:
    sounds = [tmp_path / "one.wav", tmp_path / "two.flac"]
    for seed, sound in enumerate(sounds):
        soundfile.write(sound, np.random.default_rng(seed).normal(0, 0.1, 16_000).clip(-1, 1), 16_000)
    (tmp_path / "notes.wav").write_text("this is no sound")

    async def look(page: Page) -> list[str]:
        await page.until("document.querySelector('.drop') !== null")
        await page.value("document.querySelector('#session').value = 'hall'")
        place = await _middle(page, ".drop")
        files = [str(path) for path in (*sounds, tmp_path / "notes.wav")]
        for kind in ("dragEnter", "dragOver", "drop"):
            data = {"items": [], "files": files, "dragOperationsMask": 1}
            await page.ask("Input.dispatchDragEvent", type=kind, **place, data=data)
        await page.until("document.querySelectorAll('.arrived a[href^=\"#edit\"]').length === 2")
        await page.until("document.querySelector('.arrived .bad') !== null")
        return await page.value("[...document.querySelectorAll('.arrived li')].map((line) => line.textContent)")

    lines = look_at(server.url, tmp_path / "profile", look)
    for sound in sounds:
        assert (dataset / "hall" / sound.name).read_bytes() == sound.read_bytes()
    assert sorted(path.name for path in (dataset / "hall").iterdir()) == ["one.wav", "two.flac"]
    assert lines[2].startswith("notes.wav: cannot be read as audio (it is a text that begins with 'this is no sound')")


def test_the_steps_are_done_when_the_files_say_so(server: StudioServer, dataset: Path, tmp_path: Path) -> None:
    async def look(page: Page) -> None:
        await page.until("document.querySelector('.steps') !== null")
        for session in ("kitchen", "hall"):
            (dataset / session).mkdir()
            noise = np.random.default_rng(len(session)).normal(0, 0.1, 16_000).clip(-1, 1)
            soundfile.write(dataset / session / f"{session}.wav", noise, 16_000)
            (dataset / session / f"{session}.txt").write_text("0.1\t0.2\tknock\n")
        await page.value("location.hash = '#recordings'")
        await page.value("location.hash = '#visit'")
        await page.until(f'JSON.stringify({DONE}) === \'["step-record","step-label","step-check"]\'')
        assert await page.value("document.querySelector('[aria-current=step]').id") == "step-train"

    look_at(server.url, tmp_path / "profile", look)
