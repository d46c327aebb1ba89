"""The live page's server: every page that is allowed to gets the same stream, and no other gets anything."""

import asyncio
import base64
import contextlib
import json
import re
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError
from played import Played, blocks
from tiny_detector import noise_bursts

from stapes.firmware_sim.device.events import probability
from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.audio import InputSettings
from stapes.runtime.detector import Detector
from stapes.runtime.live.clips import ClipRecorder, ClipSettings
from stapes.runtime.live.dashboard.feed import Feed
from stapes.runtime.live.dashboard.server import PageServer
from stapes.runtime.live.dashboard.watcher import Dashboard
from stapes.runtime.live.session import Outputs, run
from stapes.runtime.live.source import Block, Gap
from stapes.runtime.sound_conditions import BackgroundLevels, SoundConditions
from stapes.runtime.web import server as web_server
from stapes.runtime.web.address import LIVE_PORT, Address, parse_address

TOKEN = "a secret&that needs=quoting"


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    (tmp_path / "secret.flac").write_bytes(b"outside")
    folder = tmp_path / "clips"
    folder.mkdir()
    (folder / "20260102T030405.678Z_pop_1600.flac").write_bytes(b"fLaC")
    (folder / "notes.txt").write_bytes(b"private")
    return folder


@pytest.fixture
def server(clips: Path) -> Iterator[PageServer]:
    server = PageServer(Address(port=0), lambda: ['{"facts": {}}'], clips)
    yield server
    server.close()


def _ask(question: Callable[[ClientSession], Awaitable[Any]]) -> Any:
    async def asked() -> Any:
        async with ClientSession() as session:
            return await question(session)

    return asyncio.run(asyncio.wait_for(asked(), 30))


def _status(url: str, **headers: str) -> int:
    async def question(session: ClientSession) -> int:
        async with session.get(url, headers=headers) as answer:
            return answer.status

    return _ask(question)


def _stream_status(url: str, **headers: str) -> int:
    async def question(session: ClientSession) -> int:
        try:
            async with session.ws_connect(url, headers=headers):
                return 101
        except WSServerHandshakeError as refusal:
            return refusal.status

    return _ask(question)


def test_the_page_names_no_other_host(server: PageServer) -> None:
    async def question(session: ClientSession) -> tuple[str, str]:
        async with session.get(server.url) as answer:
            return await answer.text(), answer.headers["Content-Security-Policy"]

    text, policy = _ask(question)
    assert "<canvas" in text
    assert "//" not in text.replace("://${location.host}", "").replace("// ", "")
    assert "default-src 'self'" in policy


def test_clips_are_served_and_nothing_else_is(server: PageServer) -> None:
    base = f"http://127.0.0.1:{server.port}"
    assert _status(f"{base}/clips/20260102T030405.678Z_pop_1600.flac") == 200
    for name in ("../secret.flac", "..%2Fsecret.flac", "%2e%2e/secret.flac", "notes.txt", ".hidden.flac", "none.flac"):
        assert _status(f"{base}/clips/{name}") == 404, name
    assert _status(f"{base}/clips/{'a' * 300}.flac") == 404, "longer than the name of a file can be"
    assert _raw(server.port, "GET /clips/../../secret.flac HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").split()[1] == "404"


def _raw(port: int, request: str) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request.encode("latin-1"))
        return connection.recv(4096).decode("latin-1")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "200"),
        ("GET /clips/20260102T030405.678Z_pop_1600.flac HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "200"),
        ("GET /clips/none.flac HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "404"),
        ("GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "404"),
        ("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n", "405"),
        ("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", "403"),
        ("GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "400"),
        ("GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://example.org\r\n\r\n", "403"),
        ("\x00 nonsense\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "400"),
    ],
)
def test_every_answer_carries_the_security_headers(server: PageServer, request_: str, status: str) -> None:
    answer = _raw(server.port, request_)
    assert answer.split()[1] == status
    for header in (
        "Content-Security-Policy: default-src 'self'",
        "X-Content-Type-Options: nosniff",
        "Referrer-Policy: no-referrer",
        "Cache-Control: no-store",
    ):
        assert f"\r\n{header}" in answer


def test_an_error_of_the_page_is_one_line_and_logged_once(clips: Path, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> list[str]:
        raise OSError("out of everything")

    server = PageServer(Address(port=0), broken, clips)
    try:
        for _ in range(3):
            assert _stream_status(f"http://127.0.0.1:{server.port}/stream") == 101
    finally:
        server.close()
    assert caplog.messages == ["the live page: out of everything; listening goes on"]
    assert not caplog.records[0].exc_info


def test_an_incomplete_header_is_not_waited_for(server: PageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_server, "IDLE_S", 0.2)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        assert connection.recv(1) == b"", "closed"


def test_the_token_is_shown_on_a_terminal_and_kept_out_of_logs(
    detector: Detector, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO", "stapes")
    shown = []
    for is_terminal in (False, True):
        monkeypatch.setattr(sys.stderr, "isatty", lambda is_terminal=is_terminal: is_terminal, raising=False)
        dashboard = Dashboard(detector, Played(16_000, []), Address(port=0, token=TOKEN), None)
        dashboard._server.close()
        shown.append(caplog.messages[-1])
        assert dashboard.url.endswith("/?token=a%20secret%26that%20needs%3Dquoting")
    log, terminal = shown
    assert log.endswith("/?token= (the secret of --token follows here)")
    assert terminal == f"the live page is at {dashboard.url}"


def test_two_thousand_idle_connections_keep_neither_clips_nor_the_page_from_working(
    tiny_detector: Path, tmp_path: Path
) -> None:
    """The command may have 1,024 file handles, as services have; the referee of the clips is what was played."""
    handles, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    bursts = [(0.5 + number, 1.0 + number, "hiss") for number in range(6)]
    stapes = [sys.executable, "-c", "import sys; from stapes.runtime.main import main; sys.exit(main())"]
    words = ["listen", str(tiny_detector), "-", "--record", str(tmp_path / "clips"), "--web", "0"]
    with (tmp_path / "log").open("w+") as log, contextlib.ExitStack() as opened:
        listening = subprocess.Popen(
            [*stapes, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, most)),
        )
        opened.callback(listening.kill)
        assert listening.stdin is not None
        listening.stdin.write(bytes(3200))
        listening.stdin.flush()
        port = _port_in(tmp_path / "log")
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        opened.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (handles, most))
        for _ in range(50):
            for _ in range(40):
                opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            assert _raw(port, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").split()[1] == "200"
        listening.stdin.write(noise_bursts(7.0, bursts).tobytes())
        listening.stdin.close()
        assert listening.wait(60) == 0
    assert len(list((tmp_path / "clips").glob("*.flac"))) == len(bursts)
    assert len((tmp_path / "log").read_text().splitlines()) == 3, "where it listens, the page, and the end"


def _port_in(log: Path) -> int:
    """Return the port that a command writes into its log when it serves the page."""
    deadline = time.monotonic() + 60
    while not (found := re.search(r"http://127\.0\.0\.1:(\d+)/", log.read_text())):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
    return int(found[1])


def test_a_wrong_token_opens_nothing(clips: Path) -> None:
    server = PageServer(Address(port=0, token=TOKEN), lambda: [], clips)
    try:
        base = f"http://127.0.0.1:{server.port}"
        for path in ("/", "/?token=", "/?token=wrong", "/clips/20260102T030405.678Z_pop_1600.flac", "/nothing"):
            assert _status(base + path) == 403, path
        assert _stream_status(f"{base}/stream?token=wrong") == 403
        quoted = "?token=a%20secret%26that%20needs%3Dquoting"
        assert server.url.endswith(quoted)
        assert _status(f"{base}/{quoted}") == 200
        assert _stream_status(f"{base}/stream{quoted}") == 101
    finally:
        server.close()


def test_another_sites_page_may_not_listen(server: PageServer) -> None:
    stream = f"http://127.0.0.1:{server.port}/stream"
    assert _stream_status(stream, Origin="https://example.org") == 403
    assert _stream_status(stream, Origin=f"http://127.0.0.1:{server.port + 1}") == 403
    assert _stream_status(stream, Origin="null") == 403
    assert _stream_status(stream, Origin=f"http://127.0.0.1:{server.port}") == 101


def test_a_foreign_name_that_points_here_is_refused(server: PageServer) -> None:
    assert _status(f"http://127.0.0.1:{server.port}/", Host=f"rebound.example.org:{server.port}") == 403


def test_an_address_that_other_machines_reach_needs_a_token() -> None:
    with pytest.raises(ConfigError, match="give it with --token"):
        parse_address("0.0.0.0:8765", None, LIVE_PORT)
    assert parse_address("0.0.0.0:8080", "secret", LIVE_PORT) == Address("0.0.0.0", 8080, "secret")
    assert parse_address("", None, LIVE_PORT) == Address("127.0.0.1", 8765)
    assert parse_address("[::1]:8080", None, LIVE_PORT).host == "::1"
    with pytest.raises(ConfigError, match="write HOST:PORT"):
        parse_address("here:there", None, LIVE_PORT)


def test_a_port_in_use_is_an_error_of_one_line(server: PageServer) -> None:
    with pytest.raises(ConfigError, match="choose another port"):
        PageServer(Address(port=server.port), lambda: [], None)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("\x00\x01\x02 nonsense\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://[::1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n", "403"),
        ("GET /?token=%ff HTTP/1.1\r\nHost: 127.0.0.1.example.org\r\n\r\n", "403"),
        (f"GET /{'a' * 100_000} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "400"),
    ],
)
def test_a_malformed_request_is_refused_without_a_traceback(
    server: PageServer, caplog: pytest.LogCaptureFixture, request_: str, status: str
) -> None:
    assert _raw(server.port, request_).split()[1] == status
    assert not caplog.records


def test_malformed_data_from_a_page_disturbs_no_other_page(server: PageServer) -> None:
    async def question(session: ClientSession) -> list[str]:
        url = f"http://127.0.0.1:{server.port}/stream"
        async with session.ws_connect(url) as good, session.ws_connect(url) as bad:
            with contextlib.suppress(ConnectionError):  # the server may close this page before all of it is sent
                await bad.send_str("{" * 1000)
                await bad.send_bytes(bytes(1_000_000))
            await good.receive()
            server.send("after the rubbish")
            return [(await good.receive()).data]

    assert _raw(server.port, "\x00\x01\x02 nonsense\r\n\r\n").split()[1] == "400"
    assert _ask(question) == ["after the rubbish"]


def test_fifty_pages_get_every_message_and_the_queue_of_one_that_does_not_read_is_limited(server: PageServer) -> None:
    async def question(session: ClientSession) -> list[list[str]]:
        url = f"http://127.0.0.1:{server.port}/stream"
        pages = [await session.ws_connect(url) for _ in range(50)]
        for number in range(20):
            server.send(f"message {number}")
        heard = [[(await page.receive()).data for _ in range(21)] for page in pages]
        for page in pages:
            await page.close()
        return heard

    expected = ['{"facts": {}}', *(f"message {number}" for number in range(20))]
    assert _ask(question) == [expected] * 50
    deadline = time.monotonic() + 10
    while server.clients and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.clients == 0


def test_a_page_gets_its_whole_greeting_although_something_is_sent_meanwhile() -> None:
    greeting = ["facts", *(f"message {number}" for number in range(300))]

    def hello() -> list[str]:
        server.send("live")
        return greeting

    async def question(session: ClientSession) -> list[str]:
        async with session.ws_connect(f"http://127.0.0.1:{server.port}/stream") as page:
            return [(await page.receive()).data for _ in range(len(greeting) + 1)]

    server = PageServer(Address(port=0), hello, None)
    try:
        assert _ask(question) == [*greeting, "live"]
    finally:
        server.close()


def _watched(
    detector: Detector, items: list[Block | Gap], clips: Path | None = None
) -> tuple[Feed, list[dict[str, Any]]]:
    source = Played(16_000, items)
    feed, messages = Feed(detector, source, clips is not None), list[dict[str, Any]]()
    feed.send = lambda text: messages.append(json.loads(text))
    recorder = [ClipRecorder(ClipSettings(clips), detector, source)] if clips else []
    run(detector, source, Outputs([], [feed, *recorder]), threading.Event(), InputSettings())
    return feed, messages


def test_the_feed_carries_the_detectors_own_features_and_scores(detector: Detector) -> None:
    pcm = noise_bursts(4.0, [(1.0, 2.0, "hiss")])
    _, messages = _watched(detector, blocks(pcm, 320))
    frames = b"".join(base64.b64decode(message["frames"]) for message in messages)
    scores = np.array([step for message in messages for step in message["scores"]], np.int8)
    whole = detector.hear(pcm)
    assert np.array_equal(np.frombuffer(frames, np.int8).reshape(-1, 40), whole.features)
    assert np.array_equal(scores, whole.scores)
    positions = [message["frames_at"] for message in messages if message["frames"]]
    assert positions == sorted(positions)
    assert 8 <= len(messages) / 4 <= 12, "messages per second"


def test_an_event_that_goes_on_is_open_until_it_is_complete(detector: Detector) -> None:
    _, messages = _watched(detector, blocks(noise_bursts(4.0, [(1.0, 2.0, "hiss")]), 320))
    is_open = ["hiss" in message["open"] for message in messages]
    assert 8 <= sum(is_open) <= 13, "about a second of ten messages"
    done = next(number for number, message in enumerate(messages) if message["records"])
    assert is_open[done - 1]
    assert not any(is_open[done:])


def test_frames_after_a_gap_have_positions_after_it(detector: Detector) -> None:
    items = blocks(noise_bursts(4.0, []), 320)
    items[75:100] = [Gap(25 * 320, 16_000, "overrun")]
    _, messages = _watched(detector, items)
    steps = [
        (message["frames_at"], message["frames_at"] + len(base64.b64decode(message["frames"])) // 40 * 256)
        for message in messages
    ]
    assert any(start == 32_000 for start, _ in steps)
    assert not any(start < 24_000 < end or 24_000 < start < 32_000 for start, end in steps)


def test_a_page_that_opens_late_learns_what_happened(detector: Detector, tmp_path: Path) -> None:
    feed, messages = _watched(detector, blocks(noise_bursts(4.0, [(1.0, 2.0, "hiss")]), 320), tmp_path / "clips")
    hello = [json.loads(text) for text in feed.hello()]
    facts = hello[0]["facts"]
    assert facts["classes"] == ["rumble", "hiss"]
    (record,) = facts["records"]
    assert (record["label"], record["kind"]) == ("hiss", "event")
    assert (tmp_path / "clips" / record["clip"]).is_file()
    assert [message["sample"] for message in hello[1:]] == [message["sample"] for message in messages]


def test_the_page_learns_the_sensitivity_and_the_thresholds_that_hold(detector: Detector) -> None:
    before = [probability(on_score) for on_score, _ in detector.thresholds]
    detector.set_sensitivity("hiss", -2)
    feed, _ = _watched(detector, blocks(noise_bursts(1.0, []), 320))
    facts = json.loads(feed.hello()[0])["facts"]
    assert facts["sensitivity"] == [0, -2]
    assert facts["thresholds"][0] == before[0]
    assert facts["thresholds"][1] > before[1]


def test_the_page_learns_once_a_minute_that_it_is_quieter_here(tiny_detector: Path) -> None:
    detector = Detector.load(tiny_detector)
    heard = BackgroundLevels(detector.folder.frontend)
    quiet = noise_bursts(62.0, [])
    heard.add(detector.hear_recording(quiet).features)
    trained_on = SoundConditions.of([heard.levels + 20.0], gain_db=(-5.0, 5.0), filter_db=3.0)
    detector.folder.provenance["sound"] = trained_on.as_dict()
    _, messages = _watched(detector, blocks(quiet, 1600))
    assert messages[0]["conditions"] == []
    assert messages[-1]["conditions"] == ["15 dB quieter than anything that the detector was trained on"]


def test_the_stream_ends_with_the_server(clips: Path) -> None:
    server = PageServer(Address(port=0), lambda: [], clips)

    async def question(session: ClientSession) -> WSMsgType:
        async with session.ws_connect(f"http://127.0.0.1:{server.port}/stream") as page:
            threading.Thread(target=server.close).start()
            return (await page.receive()).type

    assert _ask(question) in (WSMsgType.CLOSE, WSMsgType.CLOSED)


def test_a_minute_of_the_stream_costs_the_server_less_than_nine_seconds_of_a_core(detector: Detector) -> None:
    """15 % of one core, with a page open; what the page reads is counted too, since it runs in this process."""
    server = PageServer(Address(port=0), lambda: [], None)
    _, messages = _watched(detector, blocks(noise_bursts(60.0, []), 320))
    texts = [json.dumps(message) for message in messages]
    assert sum(len(message["frames"]) for message in messages) > 60 * 62 * 40, "62 frames per second"

    async def question(session: ClientSession) -> float:
        async with session.ws_connect(f"http://127.0.0.1:{server.port}/stream") as page:
            before_s = time.process_time()
            for text in texts:
                server.send(text)
                await page.receive()
            return time.process_time() - before_s

    try:
        assert _ask(question) < 0.15 * 60
    finally:
        server.close()
