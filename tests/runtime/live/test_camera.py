"""A camera's sound by RTSP: `stapes listen -` hears behind ffmpeg what `stapes detect` hears in the file."""

import json
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile
from tiny_detector import RATE, noise_bursts

from stapes.runtime.detector import Detector

RECEIVE = "ffmpeg -loglevel error {rtsp} -i {url} -vn -c:a pcm_s16le -f wav - | {python} -m stapes listen {detector} -"


def _free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


@pytest.mark.slow
def test_events_behind_ffmpeg_and_rtsp_equal_those_of_the_file_to_the_sample(
    tiny_detector: Path, tmp_path: Path
) -> None:
    """The camera is another ffmpeg, which sends PCM (L16) as slowly as it sounds; the receiver waits for it."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs Debian's ffmpeg")
    path, url = tmp_path / "yard.wav", f"rtsp://127.0.0.1:{_free_port()}/stream"
    soundfile.write(path, noise_bursts(5.0, [(1.0, 1.5, "hiss"), (3.0, 3.5, "rumble")]), RATE)
    rtsp = "-rtsp_flags listen -rtsp_transport tcp"
    receive = RECEIVE.format(rtsp=rtsp, url=url, python=sys.executable, detector=tiny_detector)
    receiver = subprocess.Popen(["bash", "-c", receive], stdout=subprocess.PIPE, text=True)
    send = ["ffmpeg", "-loglevel", "error", "-re", "-i", str(path), "-c:a", "pcm_s16be"]
    send += ["-f", "rtsp", "-rtsp_transport", "tcp", url]
    for _ in range(50):
        time.sleep(0.2)
        if subprocess.run(send, stderr=subprocess.DEVNULL).returncode == 0:
            break
    printed, _ = receiver.communicate(timeout=60)
    found = [json.loads(line) for line in printed.splitlines()]
    assert [(each["label"], each["onset_sample"], each["offset_sample"]) for each in found] == [
        (each.label, each.onset_sample, each.offset_sample) for each in Detector.load(tiny_detector).detect(path)
    ]
    assert len(found) == 2
