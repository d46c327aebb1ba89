"""`stapes backbone` fetches YAMNet's weights once, checks them at every use, and shows what layers cost.

A server on this machine stands in for Google's.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from backbone_files import random_weights, write_keras_weights

from stapes.runtime.main import main
from stapes.train.learn import backbone_cache


@dataclass
class Server:
    """What the stand-in answers, and how often it was asked."""

    body: bytes = b""
    announced: int | None = None  # Content-Length, where it is not that of the body
    requests: int = 0


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file in the layout of Google's, with random weights; 13 MB."""
    path = tmp_path_factory.mktemp("weights") / "yamnet.h5"
    return write_keras_weights(path, random_weights(layers=14)).read_bytes()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, weights: bytes) -> Iterator[Server]:
    state = Server(weights)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests += 1
            self.send_response(200 if state.body else 404)
            self.send_header("Content-Length", str(state.announced or len(state.body)))
            self.end_headers()
            self.wfile.write(state.body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        monkeypatch.setattr(backbone_cache, "YAMNET_URL", f"http://127.0.0.1:{served.server_port}/audioset/yamnet.h5")
        yield state
        served.shutdown()


@pytest.fixture(autouse=True)
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the file is kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache" / "stapes" / "yamnet.h5"


def error_of(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that must fail, and return the one line that it says."""
    capsys.readouterr()
    assert main(["backbone", *words]) == 1
    printed = capsys.readouterr()
    [error] = [line for line in printed.err.splitlines() if line.startswith("error: ")]
    assert printed.err.endswith(f"{error}\n")
    assert printed.out == ""
    return error


def test_fetch_downloads_once_says_size_and_hash_and_keeps_them(
    server: Server, cached: Path, weights: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = hashlib.sha256(weights).hexdigest()
    for _ in range(2):
        assert main(["backbone", "fetch", "yamnet"]) == 0
        printed = capsys.readouterr()
        assert printed.out == f"{cached}\n"
        assert f"{len(weights)} bytes with SHA-256 {digest}" in printed.err
    assert server.requests == 1
    assert cached.read_bytes() == weights
    record = json.loads(cached.with_name("yamnet.h5.json").read_text())
    assert record == {"source": backbone_cache.YAMNET_URL, "bytes": len(weights), "sha256": digest}
    assert sorted(path.name for path in cached.parent.iterdir()) == ["yamnet.h5", "yamnet.h5.json"]
    assert main(["backbone", "show", "yamnet"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[:2] == ["14", "1024"]


@pytest.mark.usefixtures("server")
def test_a_file_that_changed_since_it_was_fetched_is_refused(cached: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backbone", "fetch", "yamnet"]) == 0
    changed = bytearray(cached.read_bytes())
    changed[-1] ^= 1
    cached.write_bytes(changed)
    for action in ("show", "fetch"):
        error = error_of(capsys, action, "yamnet")
        assert f"{cached} has {len(changed)} bytes with SHA-256 {hashlib.sha256(changed).hexdigest()}, but" in error
        assert "were fetched; remove it" in error


def test_a_file_that_somebody_put_into_the_cache_is_taken_over(
    server: Server, cached: Path, weights: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"put it at {cached}" in error_of(capsys, "show", "yamnet")
    cached.parent.mkdir(parents=True)
    cached.write_bytes(weights)
    assert main(["backbone", "show", "yamnet"]) == 0
    assert cached.with_name("yamnet.h5.json").exists()
    assert server.requests == 0


def test_a_download_that_fails_leaves_nothing_and_says_which_file_to_put_where(
    server: Server, cached: Path, weights: bytes, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.body = b""
    assert "could not be downloaded (Not Found)" in error_of(capsys, "fetch", "yamnet")
    server.body, server.announced = weights[:100_000], len(weights)
    assert f"(100000 of {len(weights)} bytes came)" in error_of(capsys, "fetch", "yamnet")
    server.announced = None
    assert "did not give the weights of YAMNet: what came: is truncated" in error_of(capsys, "fetch", "yamnet")
    server.body = b"<html>Please sign in to this network</html>"
    assert "what came: is neither an HDF5 file nor a .tflite" in error_of(capsys, "fetch", "yamnet")
    monkeypatch.setattr(backbone_cache, "YAMNET_URL", "http://127.0.0.1:9/audioset/yamnet.h5")  # nobody listens there
    error = error_of(capsys, "fetch", "yamnet")
    assert "http://127.0.0.1:9/audioset/yamnet.h5 could not be downloaded" in error
    assert error.endswith(f"put it at {cached}")
    assert list(cached.parent.iterdir()) == []


def test_weights_without_the_last_layers_are_not_taken_for_yamnet(
    cached: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cached.parent.mkdir(parents=True)
    write_keras_weights(cached, random_weights(layers=6))
    error = error_of(capsys, "show", "yamnet")
    assert f"{cached} has 6 layers; YAMNet has 14; remove it, then run `stapes backbone fetch yamnet`" in error


def test_weights_in_a_cache_that_cannot_be_written_are_used_with_a_warning(
    cached: Path, weights: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    cached.parent.mkdir(parents=True)
    cached.write_bytes(weights)
    (cached.parent / ".yamnet.h5.json.new" / "in the way").mkdir(parents=True)
    assert main(["backbone", "show", "yamnet"]) == 0
    said = "yamnet.h5.json cannot be written, so that a later change of yamnet.h5 would not be noticed"
    assert said in capsys.readouterr().err


def test_only_yamnet_can_be_fetched(capsys: pytest.CaptureFixture[str]) -> None:
    assert "'vggish' cannot be fetched; only yamnet can" in error_of(capsys, "fetch", "vggish")


def test_show_counts_what_six_layers_cost(foreign_models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backbone", "show", str(foreign_models / "yamnet_256_f32.h5")]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["layers", "channels", "bands"]
    # Counted by hand for layer 1: 3 * 3 * 32 weights and 32 biases; 50 rows a second of 32 bands; one row of 64 bands
    # is kept; an output waits for the row after the two that it stands for.
    assert rows[0].split() == ["1", "32", "32", "20", "320", "0.4", "0.5", "0.1", "10"]
    assert rows[5].split() == ["6", "256", "8", "80", "132160", "133.4", "24.9", "14.1", "210"]
    assert len(rows) == 6


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {}, "HOME/.cache/stapes"),
        ("darwin", {}, "HOME/Library/Caches/stapes"),
        ("win32", {"LOCALAPPDATA": "LOCAL"}, "LOCAL/stapes/Cache"),
        ("linux", {"XDG_CACHE_HOME": "XDG"}, "XDG/stapes"),
    ],
)
def test_the_cache_is_where_the_platform_wants_it(
    platform: str, variables: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(backbone_cache.sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("HOME"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert backbone_cache.cache_folder() == Path(folder)
