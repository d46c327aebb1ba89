"""The studio's server: who may open the page, and what every answer carries. The referee is what a client receives."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession

from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.main import main
from stapes.runtime.web.address import Address
from stapes.train.studio.server import StudioServer
from stapes.train.studio.studio import Studio

TOKEN = "a secret&that needs=quoting"
QUOTED = "token=a%20secret%26that%20needs%3Dquoting"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StudioServer]:
    server = StudioServer(Address(), Studio(tmp_path))
    yield server
    server.close()


def _ask(method: str, url: str, look: Callable[[ClientResponse], Awaitable[Any]], **named: Any) -> Any:
    async def asked() -> Any:
        async with ClientSession() as session, session.request(method, url, **named) as answer:
            return await look(answer)

    return asyncio.run(asyncio.wait_for(asked(), 30))


def _status(method: str, url: str, **headers: str) -> int:
    async def look(answer: ClientResponse) -> int:
        return answer.status

    return _ask(method, url, look, headers=headers)


def test_the_page_and_its_files_are_served_with_the_security_headers(server: StudioServer) -> None:
    async def look(answer: ClientResponse) -> tuple[int, str, str, str]:
        policy = answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        return answer.status, answer.content_type, policy, await answer.text()

    status, kind, policy, text = _ask("GET", server.url, look)
    assert (status, kind) == (200, "text/html")
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert 'src="page/main.js"' in text
    assert _ask("GET", f"{server.url}page/main.js", look)[:2] == (200, "text/javascript")
    assert _ask("GET", f"{server.url}page/studio.css", look)[:2] == (200, "text/css")
    assert _ask("GET", f"{server.url}nothing", look)[0] == 404


@pytest.mark.parametrize(
    "name", ["server.py", "..%2Fserver.py", "%2e%2e/server.py", "", ".", "index.html%00", "/etc/passwd"]
)
def test_no_name_leads_out_of_the_pages_own_files(server: StudioServer, name: str) -> None:
    assert _status("GET", f"{server.url}page/{name}") == 404


def test_without_the_token_only_the_pages_own_files_are_opened(tmp_path: Path) -> None:
    server = StudioServer(Address(token=TOKEN), Studio(tmp_path))
    try:
        base = f"http://127.0.0.1:{server.port}"
        for path in ("/", "/?token=wrong", "/api/dataset", "/api/changes", "/nothing", "/page"):
            assert _status("GET", base + path) == 403, path
        assert _status("GET", f"{base}/page/main.js") == 200
        assert _status("GET", f"{base}/api/dataset?{QUOTED}") == 200
    finally:
        server.close()


def test_pages_of_other_sites_and_foreign_names_for_this_machine_are_refused(server: StudioServer) -> None:
    url = f"{server.url}api/dataset"
    assert _status("GET", url, Origin="https://example.org") == 403
    assert _status("GET", url, Host=f"rebound.example.org:{server.port}") == 403
    assert _status("GET", url, Origin=f"http://127.0.0.1:{server.port}") == 200


def test_an_address_that_other_machines_reach_needs_a_token(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["studio", str(tmp_path), "--web", "0.0.0.0:8766"]) == 1
    assert "give it with --token" in capsys.readouterr().err


def test_a_dataset_that_does_not_exist_is_an_error_of_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["studio", str(tmp_path / "none")]) == 1
    assert "no such folder" in capsys.readouterr().err
    for missing in ({"detector": tmp_path / "none"}, {"clips": tmp_path / "none"}):
        with pytest.raises(ConfigError, match="no such folder"):
            Studio(tmp_path, **missing)
