"""The clips that ESPHome's component sends: what a plain HTTP server stores, and what is refused or not sent.

`stapes listen --record` is the referee of the files, ESPHome that of the configuration.
"""

import json
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile
from esphome_host import HostProgram, esphome, require_esphome, write_host_components
from numpy.typing import NDArray
from page_blocks import ROOT, read_blocks
from played import Played, blocks
from tiny_detector import noise_bursts

from stapes.convert.export.layouts import layout
from stapes.convert.export.library import Library, gather
from stapes.runtime.audio import InputSettings
from stapes.runtime.detector import Detector
from stapes.runtime.live.clip_files import near_miss_labels
from stapes.runtime.live.clips import ClipRecorder, ClipSettings
from stapes.runtime.live.session import Outputs, run

CLIPS = """
  clips:
    url: {url}
    before: 500ms
    after: 750ms
    longest_event: 8s
    near_misses: {near_misses}
    per_hour: {per_hour}
"""

HOST = """
esphome:
  name: listener
host:
logger:
network:
external_components:
  - source: components
  - source: host
microphone:
  - platform: played
    id: played_microphone
    sample_rate: 16000
stapes:
  microphone: played_microphone
  update_interval: 500ms
  sensitivity:
    hiss: -10
"""


@pytest.fixture(scope="module")
def library(compiled_detector: Path) -> Library:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutil, "which", lambda name: None)  # no figures: quicker
        return gather(compiled_detector, single_file=True)


def write(library: Library, out: Path) -> Path:
    for path, text in layout("esphome").files(library).items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_text(text, encoding="utf-8")
    (out / "secrets.yaml").write_text("wifi_ssid: home\nwifi_password: not-a-secret\n")
    return out


@pytest.fixture(scope="module")
def port() -> int:
    """Return a port that is free, which is compiled into the program."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def program(library: Library, port: int, tmp_path_factory: pytest.TempPathFactory) -> HostProgram:
    require_esphome()
    root = write(library, tmp_path_factory.mktemp("esphome"))
    write_host_components(root / "host")
    clips = CLIPS.format(url=f"http://127.0.0.1:{port}/kitchen/", near_misses=12, per_hour=10)
    (root / "host.yaml").write_text(HOST + clips)
    return HostProgram.build(root / "host.yaml", "listener")


@contextmanager
def receiver(port: int, folder: Path) -> Iterator[None]:
    """Run the receiver of the page, which stores into the working directory."""
    (block,) = (block for block in read_blocks(ROOT / "docs" / "home.md") if block.title == "receive_clips.py")
    names: dict = {"__name__": "receive_clips"}
    exec(block.text, names)
    names["FOLDER"] = folder
    server = HTTPServer(("127.0.0.1", port), names["Receiver"])
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def recording() -> NDArray[np.int16]:
    """Events and near misses that all end seconds before the recording does: a device appends no tail."""
    bursts = [(0.3, 0.9, "hiss"), (2.5, 3.0, "rumble"), (2.9, 3.5, "hiss"), (5.5, 6.5, "rumble"), (8.0, 8.5, "hiss")]
    pcm = noise_bursts(16.0, bursts)
    pcm[int(7.9 * 16_000) :] //= 40
    return pcm


def test_print(program, compiled_detector, recording, port, tmp_path):
    d = Detector.load(compiled_detector, engine="litert")
    d.set_sensitivity("hiss", -10)
    print(d.detect(recording))
    print("\n".join(program.play(recording, tmp_path)))
    assert 0
