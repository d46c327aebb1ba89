"""Names and labels from elsewhere stay text, other sites get nothing, and no path leads out of the dataset."""

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import soundfile
from aiohttp import ClientSession
from chromium import Page
from studio_browser import look_at

from stapes.train.label.states import LOCK
from stapes.train.studio.server import LARGEST_QUESTION, StudioServer

JSON = {"Content-Type": "application/json"}
MARKUP = "<img src=x onerror='window.hacked=1'>"  # stands in the name of a recording, so it holds no slash
SCRIPT = "<script>window.hacked=1</script><b id=planted>\"'&amp;"
SESSION = "javascript:window.hacked=1"
NO_BODY = ("/api/training/stop", "/api/proposals/prepare")  # questions whose body is not read
VIEWS = ("#visit", "#recordings", "#inbox", "#train", "#judge")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "sounds"
    (folder / SESSION).mkdir(parents=True)
    noise = np.random.default_rng(0).normal(0, 0.05, 32_000)
    for name in (f"{SESSION}/{MARKUP}.wav", 'b" onmouseover="window.hacked=1.wav'):
        soundfile.write(folder / name, noise, 16_000)
    rows = [("filename", "onset", "offset", "event_label", SCRIPT), (f"{MARKUP}.wav", "0.2", "0.4", SCRIPT, MARKUP)]
    (folder / "labels.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    soundfile.write(tmp_path / "secret.wav", noise, 16_000)
    return folder


def _answers(server: StudioServer, *requests: tuple[str, str, dict[str, str], bytes | None]) -> list[tuple[int, bytes]]:
    """Return status and body of each request: method, path, headers, body."""

    async def asked() -> list[tuple[int, bytes]]:
        answers = []
        async with ClientSession() as session:
            for method, path, headers, body in requests:
                url = f"http://127.0.0.1:{server.port}{path}"
                async with session.request(method, url, headers=headers, data=body) as answer:
                    answers.append((answer.status, await answer.read()))
        return answers

    return asyncio.run(asyncio.wait_for(asked(), 60))


def _own(server: StudioServer) -> dict[str, str]:
    return JSON | {"Origin": f"http://127.0.0.1:{server.port}"}


def _routes(server: StudioServer) -> list[tuple[str, str]]:
    """Return method and path of everything that the server answers."""
    routes = [(route.method, route.resource.canonical) for route in server.site.app.router.routes() if route.resource]
    assert len([path for _, path in routes if path.startswith("/api/")]) > 10, "the interface is there"
    return routes


def test_other_sites_are_refused_at_every_route(server: StudioServer) -> None:
    """A page of another site can make a browser send requests, with its own origin or, for links, with none."""
    foreign = JSON | {"Origin": "http://evil.example"}
    renamed = _own(server) | {"Host": "evil.example"}
    for method, path in _routes(server):
        for headers in (foreign, renamed, *([JSON] if method == "POST" else [])):
            [(status, _)] = _answers(server, (method, path, headers, b"{}" if method == "POST" else None))
            assert status == 403, (method, path, headers)


def test_forms_of_other_sites_cannot_write(server: StudioServer) -> None:
    """The three types are those that a form can send without asking first."""
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"):
        for method, path in _routes(server):
            if method == "POST":
                headers = _own(server) | {"Content-Type": kind}
                [(status, _)] = _answers(server, (method, path, headers, b"{}"))
                assert status == 415, (path, kind)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "PROPFIND"])
def test_other_methods_are_refused(server: StudioServer, method: str) -> None:
    for path in sorted({path for _, path in _routes(server)}):
        [(status, _)] = _answers(server, (method, path, _own(server), None))
        assert status in (403, 404, 405), path


OUTSIDE = [
    "../secret.wav",
    "x/../../secret.wav",
    "..\\secret.wav",
    "/etc/passwd",
    "file:///etc/passwd",
    ".",
    "",
    "labels.tsv",
    ".studio.json",
    "b\x00.wav",
    "\ud800",
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_name_reaches_what_is_no_recording_of_the_dataset(server: StudioServer, dataset: Path, name: str) -> None:
    before = _content(dataset.parent)
    asked = quote(name, safe="", errors="surrogatepass")
    label = {"onset": 0.1, "offset": 0.2, "label": "planted"}
    bodies: dict[str, dict[str, Any]] = {
        "labels": {"changes": [{"from": None, "to": label}]},
        "recordings/state": {"state": "empty"},
        "proposals/drop": label,
    }
    span = "&from=0&seconds=1&until=1&level=0&tile=0&at=0.1&onset=0.1&offset=0.2&count=3"
    requests: list[tuple[str, str, dict[str, str], bytes | None]] = [
        ("GET", f"/api/{path}?recording={asked}{span}", {}, None)
        for path in ("labels", "spectrogram", "sound", "rise", "proposals", "alike")
    ]
    for path, body in bodies.items():
        requests.append(("POST", f"/api/{path}", _own(server), json.dumps(body | {"recording": name}).encode()))
    for (_, path, _, _), (status, answer) in zip(requests, _answers(server, *requests), strict=True):
        assert 400 <= status < 500, (path, status, answer)
        assert set(json.loads(answer)) >= {"error"}, path
    assert _content(dataset.parent) == before, "nothing was written"


def test_large_questions_are_refused(server: StudioServer) -> None:
    body = json.dumps({"recording": "x" * (2 * LARGEST_QUESTION)}).encode()
    for method, path in _routes(server):
        if method == "POST" and path not in ("/api/upload", *NO_BODY):
            [(status, _)] = _answers(server, (method, path, _own(server), body))
            assert status == 413, path


def test_what_is_no_question_is_answered_in_one_line(server: StudioServer) -> None:
    for body in (b"", b"[]", b"null", b"{", b'{"recording": 1}', b"\xff", b"[" * 100_000, b'{"changes": NaN}'):
        for method, path in _routes(server):
            if method == "POST" and path not in ("/api/upload", *NO_BODY):
                [(status, answer)] = _answers(server, (method, path, _own(server), body))
                assert 400 <= status < 500, (path, body[:20], answer)
                assert "\n" not in json.loads(answer)["error"]


def _content(folder: Path) -> dict[str, bytes]:
    """Return all files but the empty one that the server locks while it looks for a recording."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != LOCK}


@pytest.mark.slow
def test_names_labels_and_columns_that_look_like_markup_are_text_in_every_view(
    server: StudioServer, tmp_path: Path
) -> None:
    recording = f"{SESSION}/{MARKUP}.wav"

    async def look(page: Page) -> dict[str, str]:
        texts = {}
        for view in (*VIEWS, f"#edit/{quote(recording, safe='')}?at=0.2"):
            await page.value(f"location.hash = {json.dumps(view)}")
            await asyncio.sleep(1.5)
            texts[view] = await page.value("document.body.innerText")
            assert await page.value("document.querySelector('#planted, img[src=x], [onmouseover], [onerror]')") is None
        assert await page.value("typeof window.hacked") == "undefined"
        return texts

    texts = look_at(server.url, tmp_path / "profile", look)
    assert MARKUP in texts["#recordings"]
    assert SCRIPT in texts["#recordings"]
    assert MARKUP in list(texts.values())[-1]
