"""Recordings at URLs: the referee is the same run over the local folder."""

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from season import detect_words, write_season

from stapes.firmware_sim.errors import AudioError, ToolchainError
from stapes.runtime.batch.listing import fetch, filesystem_of, list_recordings
from stapes.runtime.main import main

pytest.importorskip("fsspec")


class _Server(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; a request for a recording with `broken` in its name fails with status 500."""

    def do_GET(self) -> None:
        if "broken" in self.path and self.path.endswith(".flac"):
            self.send_error(500)
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        """Keep the log of the tests free of requests."""


@pytest.fixture
def season(tmp_path: Path) -> Path:
    return write_season(tmp_path / "season 2024", 4, 3.0)


@pytest.fixture
def server(season: Path) -> Iterator[str]:
    pytest.importorskip("aiohttp")
    handler = functools.partial(_Server, directory=str(season.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()
        thread.join()


def test_a_web_server_gives_the_same_table_vs_the_local_folder(
    tiny_detector: Path, season: Path, server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    local, remote = tmp_path / "local.csv", tmp_path / "remote.csv"
    words = ("--jobs", 1, "--start-pattern", "%Y%m%d_%H%M%S")
    assert main(detect_words(tiny_detector, season, local, *words)) == 0
    assert main(detect_words(tiny_detector, f"{server}/season%202024/", remote, *words)) == 0
    assert remote.read_bytes() == local.read_bytes()
    assert (tmp_path / "remote.files.csv").read_bytes() == (tmp_path / "local.files.csv").read_bytes()

    shutil.copy(next(season.rglob("*.flac")), season / "broken.flac")
    whole = (season / "broken.flac").read_bytes()
    (season / "cut.flac").write_bytes(whole[: len(whole) // 2])
    capsys.readouterr()
    assert main(detect_words(tiny_detector, f"{server}/season%202024", remote, *words, "--force")) == 1
    message = capsys.readouterr().err
    assert "  broken.flac: cannot be fetched (500" in message
    assert "  cut.flac: cannot be read beyond" in message, "the message does not name the temporary copy"
    assert remote.read_bytes() == local.read_bytes()


def test_buckets_in_memory_are_listed_and_fetched(season: Path, tmp_path: Path) -> None:
    files, _ = filesystem_of("memory://")
    for path in season.rglob("*.flac"):
        files.pipe(f"/bucket/{path.relative_to(season).as_posix()}", path.read_bytes())
    files.pipe("/bucket/north/notes.txt", b"no recording")
    found, _ = list_recordings("memory://bucket")
    there, _ = list_recordings(str(season))
    assert [(each.name, each.size) for each in found] == [(each.name, each.size) for each in there]
    fetch(found[0], tmp_path / "copy.flac")
    assert (tmp_path / "copy.flac").read_bytes() == Path(there[0].place).read_bytes()
    files.rm("/bucket", recursive=True)
    with pytest.raises(AudioError, match="cannot be fetched"):
        fetch(found[0], tmp_path / "gone.flac")
    with pytest.raises(AudioError, match="memory://bucket: "):
        list_recordings("memory://bucket")


def test_a_bucket_without_its_package_names_the_extra() -> None:
    try:
        import s3fs  # noqa: F401
    except ImportError:
        with pytest.raises(ToolchainError, match=r"pip install 'stapes\[s3\]'"):
            filesystem_of("s3://bucket/season")
    else:
        pytest.skip("s3fs is installed")
