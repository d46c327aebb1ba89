"""Recordings that the page sends: what the server answers, and what lies in the dataset afterwards."""

import asyncio
import io
import socket
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from aiohttp import ClientSession

from stapes.train.studio.server import LARGEST_QUESTION, StudioServer


def _sound(seconds: float) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.random.default_rng(0).normal(0, 0.05, round(seconds * 16_000)), 16_000, format="WAV")
    return file.getvalue()


def _send(server: StudioServer, body: bytes, **query: str) -> tuple[int, dict[str, Any]]:
    origin = f"http://127.0.0.1:{server.port}"
    headers = {"Content-Type": "application/octet-stream", "Origin": origin}

    async def sent() -> tuple[int, dict[str, Any]]:
        url = f"{origin}/api/upload"
        async with ClientSession() as session, session.post(url, data=body, headers=headers, params=query) as answer:
            return answer.status, await answer.json()

    return asyncio.run(asyncio.wait_for(sent(), 60))


def _ask(server: StudioServer, path: str) -> list[dict[str, Any]]:
    async def asked() -> list[dict[str, Any]]:
        async with ClientSession() as session, session.get(f"http://127.0.0.1:{server.port}/api/{path}") as answer:
            return await answer.json()

    return asyncio.run(asyncio.wait_for(asked(), 60))


def test_a_recording_larger_than_any_question_arrives(server: StudioServer, dataset: Path) -> None:
    sound = _sound(60)
    assert len(sound) > LARGEST_QUESTION
    status, answer = _send(server, sound, name="door.wav", session="hall")
    assert (status, answer) == (200, {"recording": "hall/door.wav", "is_new": True, "note": ""})
    assert (dataset / "hall" / "door.wav").read_bytes() == sound


def test_a_recording_that_arrived_is_in_the_list_at_once(server: StudioServer) -> None:
    assert _ask(server, "recordings") == []
    _send(server, _sound(1), name="door.wav", session="hall")
    assert [each["recording"] for each in _ask(server, "recordings")] == ["hall/door.wav"]


@pytest.mark.parametrize(
    ("query", "body", "why"),
    [
        ({"name": "door.wav", "session": "hall"}, b"no sound at all", "door.wav: cannot be read as audio"),
        ({"name": "../../labels.tsv", "session": "hall"}, b"", "labels.tsv: not the name of a recording"),
        ({"name": "door.wav", "session": ".."}, b"", "session '..': no name of a folder"),
        ({"name": "door.wav"}, b"", "session '': no name of a folder"),
        ({"session": "hall"}, b"", "not the name of a recording"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_one_line_and_leaves_nothing(
    server: StudioServer, dataset: Path, query: dict[str, str], body: bytes, why: str
) -> None:
    status, answer = _send(server, body, **query)
    assert status == 400
    assert why in answer["error"]
    assert list(dataset.iterdir()) == []


def test_a_connection_that_breaks_off_leaves_nothing(server: StudioServer, dataset: Path) -> None:
    """AU without a length in its header: it could be decoded to its end wherever it is cut off."""
    sound = b".snd" + bytes([0, 0, 0, 24, 255, 255, 255, 255, 0, 0, 0, 3, 0, 0, 0x3E, 0x80, 0, 0, 0, 1]) + bytes(64_000)
    head = (
        f"POST /api/upload?name=door.au&session=hall HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"Origin: http://127.0.0.1:{server.port}\r\nContent-Type: application/octet-stream\r\n"
        f"Content-Length: {len(sound)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.sendall(head.encode() + sound[:32_000])
        deadline = time.monotonic() + 30
        while not list(dataset.glob("hall/.incoming-*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert list(dataset.glob("hall/.incoming-*")), "it was arriving"
    deadline = time.monotonic() + 30
    while (dataset / "hall").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert list(dataset.iterdir()) == []
    assert _send(server, sound, name="door.au", session="hall")[1]["recording"] == "hall/door.au"


def test_the_steps_are_told(server: StudioServer) -> None:
    told = _ask(server, "steps")
    assert [each["step"] for each in told] == ["record", "label", "check", "train", "judge", "listen"]
    assert set(told[0]) == {"step", "done", "text"}
