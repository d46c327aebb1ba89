"""What the page asks about clips. The referee is the files on disk."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from aiohttp import ClientResponse, ClientSession
from made_clips import heard, make_clip
from tiny_detector import RATE, noise_bursts

from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.web.address import Address
from stapes.train.studio.server import StudioServer
from stapes.train.studio.studio import Studio

UTC = "2026-01-01T12:00:00.000Z"


@pytest.fixture
def folders(tmp_path: Path, tiny_detector: Path) -> tuple[Path, Path]:
    """A dataset and a folder with two clips."""
    dataset, clips = tmp_path / "recordings", tmp_path / "clips"
    dataset.mkdir()
    soundfile.write(dataset / "a.wav", noise_bursts(3.0, [(1.0, 1.5, "hiss")]), RATE)
    (dataset / "a.txt").write_text("1.0\t1.5\thiss\n")
    make_clip(clips, tiny_detector, UTC, also=(heard("rumble", "near miss", 2.0, 2.5),))
    make_clip(clips, tiny_detector, "2026-01-01T13:00:00.000Z", kind="near miss")
    return dataset, clips


@pytest.fixture
def server(folders: tuple[Path, Path], tiny_detector: Path) -> Iterator[StudioServer]:
    server = StudioServer(Address(port=0), Studio(folders[0], tiny_detector, folders[1]))
    yield server
    server.close()


Look = Callable[[ClientResponse], Awaitable[Any]]


def _ask(server: StudioServer, method: str, path: str, look: Look, **named: Any) -> Any:
    async def asked() -> Any:
        headers = {"Origin": server.url.rstrip("/")} if method == "POST" else {}
        async with (
            ClientSession(headers=headers) as session,
            session.request(method, server.url + path, **named) as answer,
        ):
            return await look(answer)

    return asyncio.run(asyncio.wait_for(asked(), 30))


def _json(server: StudioServer, method: str, path: str, **named: Any) -> tuple[int, Any]:
    async def look(answer: ClientResponse) -> tuple[int, Any]:
        return answer.status, await answer.json()

    return _ask(server, method, path, look, **named)


def test_the_clips_that_wait_are_listed_with_what_was_heard_in_them(server: StudioServer) -> None:
    status, answer = _json(server, "GET", "api/inbox")
    assert status == 200
    first, second = answer["clips"]
    assert (first["label"], first["kind"], first["probability"], second["kind"]) == ("hiss", "event", 0.8, "near miss")
    assert [(each["label"], each["onset"]) for each in first["events"]] == [("hiss", 1.0), ("rumble", 2.0)]
    assert first["seconds"] == 3.0
    assert first["utc"] == "2026-01-01T11:59:59+00:00", "of the first sample, a second before the event"


def test_a_verdict_moves_the_clip_and_undo_brings_it_back(server: StudioServer, folders: tuple[Path, Path]) -> None:
    _dataset, clips = folders
    name = _json(server, "GET", "api/inbox")[1]["clips"][0]["clip"]
    status, answer = _json(server, "POST", "api/inbox/verdict", json={"clip": name, "verdict": "right"})
    assert status == 200
    assert answer["moved_to"] in ("train", "judging")
    assert not (clips / name).exists()
    assert _json(server, "POST", "api/inbox/verdict", json={"clip": name, "verdict": "undo"}) == (
        200,
        {"moved_to": "waiting"},
    )
    assert (clips / name).exists()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"clip": "../recordings/a.wav", "verdict": "right"}, "no such clip"),
        ({"clip": "none.flac", "verdict": "undo"}, "nothing to undo"),
        ({"clip": "x", "verdict": "maybe"}, "none of right"),
        ({"clip": "x", "verdict": "other"}, "needs the class"),
        ({"clip": 3, "verdict": "right"}, "give a text"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(
    server: StudioServer, folders: tuple[Path, Path], body: dict, words: str
) -> None:
    status, answer = _json(server, "POST", "api/inbox/verdict", json=body)
    assert status == 400
    assert words in answer["error"]
    assert (folders[0] / "a.wav").exists()


def test_sound_and_spectrogram_are_those_of_the_clip_and_of_no_other_file(server: StudioServer) -> None:
    """Referee for the picture: the loudest columns are those of the event."""
    name = _json(server, "GET", "api/inbox")[1]["clips"][0]["clip"]

    async def picture(answer: ClientResponse) -> np.ndarray:
        shape = int(answer.headers["X-Bands"]), int(answer.headers["X-Columns"])
        return np.frombuffer(await answer.read(), np.uint8).reshape(shape)

    async def status(answer: ClientResponse) -> int:
        return answer.status

    found = _ask(server, "GET", f"api/inbox/spectrogram?clip={name}", picture)
    loud = np.flatnonzero(found.max(axis=0) > 0.8 * found.max()) * 3.0 / found.shape[1]
    assert 0.95 < loud.min() < loud.max() < 1.55
    assert _ask(server, "GET", f"api/inbox/sound?clip={name}", status) == 200
    for path in ("sound", "spectrogram"):
        assert _ask(server, "GET", f"api/inbox/{path}?clip=..%2Frecordings%2Fa.wav", status) == 400


def test_without_a_folder_of_clips_there_is_no_inbox(folders: tuple[Path, Path]) -> None:
    server = StudioServer(Address(port=0), Studio(folders[0]))
    try:
        assert _json(server, "GET", "api/inbox") == (200, None)
        status, answer = _json(server, "POST", "api/inbox/verdict", json={"clip": "x", "verdict": "right"})
        assert status == 400
        assert "--clips" in answer["error"]
    finally:
        server.close()


def test_clips_inside_of_the_dataset_stop_the_studio_before_anything_is_trained_on(folders: tuple[Path, Path]) -> None:
    inside = folders[0] / "clips"
    inside.mkdir()
    with pytest.raises(ConfigError, match="lie in each other"):
        StudioServer(Address(port=0), Studio(folders[0], None, inside))
