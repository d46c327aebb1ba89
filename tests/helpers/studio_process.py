"""`stapes studio` as a process of its own, which tests may kill and start again."""

import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from json import dumps, loads
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode, urlsplit

ANSWER_S = 60.0


class StudioProcess:
    """The server of a dataset; a context manager. `url` ends with a slash and holds no token."""

    def __init__(self, dataset: Path, *options: str) -> None:
        self._command = [sys.executable, "-m", "stapes", "studio", str(dataset), "--web", "127.0.0.1:0", *options]
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> "StudioProcess":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start the server, and wait until it says where the page is."""
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(self._command, stderr=log, stdout=subprocess.DEVNULL)
            self._process, deadline = process, time.monotonic() + ANSWER_S
            while not (found := re.search(rb"http://[^\s/]+/", printed := _content(log))):
                assert process.poll() is None, f"{self._command} ended: {printed.decode()}"
                assert time.monotonic() < deadline, f"{self._command} does not say where its page is"
                time.sleep(0.02)
        self.url = found[0].decode()

    def kill(self) -> None:
        """End the server at once, as a power cut does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def get(self, path: str, **query: str) -> Any:
        """Return the JSON answer of GET /api/`path`."""
        with urllib.request.urlopen(f"{self.url}api/{path}?{urlencode(query)}", timeout=ANSWER_S) as answer:
            return loads(answer.read())

    def post(self, path: str, body: Any, **query: str) -> Any:
        """Return the JSON answer of POST /api/`path`, sent as the page sends it: bytes, or anything else as JSON."""
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(self.url))
        data = body if isinstance(body, bytes) else dumps(body).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        address, headers = f"{self.url}api/{path}?{urlencode(query)}", {"Content-Type": kind, "Origin": origin}
        request = urllib.request.Request(address, data, headers, method="POST")
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
            return loads(answer.read())


def _content(log: IO[bytes]) -> bytes:
    return os.pread(log.fileno(), 1 << 20, 0)
