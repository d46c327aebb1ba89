"""The clips that ESPHome's component sends: what a plain HTTP server stores, and what is refused or not sent.

`stapes listen --record` is the referee of the files, ESPHome that of the configuration.
"""

import json
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from esphome_host import LOAD_BLOB, HostProgram, esphome, quick_library, require_esphome, write_export
from numpy.typing import NDArray
from page_blocks import ROOT, read_blocks
from played import Played, blocks
from tiny_detector import noise_bursts

from stapes.convert.export.layouts import layout
from stapes.convert.export.library import Library
from stapes.firmware_sim.device.folder import read_folder
from stapes.runtime.audio import InputSettings
from stapes.runtime.detector import Detector
from stapes.runtime.live.clip_files import read_description
from stapes.runtime.live.clips import ClipRecorder, ClipSettings
from stapes.runtime.live.session import Outputs, run
from stapes.runtime.live.source import Block, Gap
from stapes.runtime.main import main

UNTIL_ALL_IS_SENT = {"PLAYED_LOOPS": "400"}  # 6 seconds at least
HISS, NEAR_MISSES, PER_HOUR = -10, 10, 3  # steps of sensitivity, and clips

OPTIONS = f"""
  sensitivity:
    hiss: {HISS}
  clips:
    url: http://127.0.0.1:PORT/kitchen/
    before: 500ms
    after: 750ms
    longest_event: 20s
    near_misses: {NEAR_MISSES}
    per_hour: {PER_HOUR}
network:
"""


@pytest.fixture(scope="module")
def port() -> int:
    """Return a port that is free, which is compiled into the program."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def program(compiled_detector: Path, port: int, tmp_path_factory: pytest.TempPathFactory) -> HostProgram:
    """Return a program that sends clips, and that loads the model of the file BLOB, if there is one."""
    require_esphome()
    library = quick_library(compiled_detector, loadable=True)
    root = write_export(library, tmp_path_factory.mktemp("esphome"))
    return HostProgram.build(root, LOAD_BLOB, OPTIONS.replace("PORT", str(port)))


@contextmanager
def served(port: int, handler: type[BaseHTTPRequestHandler]) -> Iterator[None]:
    """Run an HTTP server with this handler."""
    server = HTTPServer(("127.0.0.1", port), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def receiver_of_the_page(folder: Path) -> type[BaseHTTPRequestHandler]:
    """Return the handler of docs/home.md, which stores what it gets in this folder."""
    (block,) = (block for block in read_blocks(ROOT / "docs" / "home.md") if block.title == "receive_clips.py")
    names: dict[str, Any] = {"__name__": "receive_clips"}
    exec(block.text, names)
    names["FOLDER"] = folder
    handler: type[BaseHTTPRequestHandler] = names["Receiver"]
    return handler


@pytest.fixture(scope="module")
def recording() -> NDArray[np.int16]:
    """Events and quieter near misses, some within others' clips. All end seconds before the recording does."""
    loud = [(0.3, 0.9, "hiss"), (2.5, 3.0, "rumble"), (2.9, 3.5, "hiss"), (9.0, 9.7, "hiss")]
    quiet = [(5.5, 6.0, "hiss", 10), (8.0, 8.4, "hiss", 8), (11.0, 11.5, "rumble", 100)]
    pcm = noise_bursts(15.0, loud)
    for onset, offset, label, divisor in quiet:
        pcm += np.rint(noise_bursts(15.0, [(onset, offset, label)]) / divisor).astype(np.int16)
    return pcm


def recorded(detector: Path, items: list[Block | Gap], folder: Path) -> list[dict[str, Any]]:
    """Return the descriptions of the clips that `stapes listen --record` writes with the program's settings."""
    runtime = Detector.load(detector, engine="litert")
    runtime.set_sensitivity("hiss", HISS)
    source = Played(16_000, items)
    settings = ClipSettings(folder, 0.5, 0.75, near_miss_steps=NEAR_MISSES, near_misses_per_hour=PER_HOUR)
    run(runtime, source, Outputs([], [ClipRecorder(settings, runtime, source)]), threading.Event(), InputSettings())
    return descriptions(folder)


def descriptions(folder: Path) -> list[dict[str, Any]]:
    """Return what the clips of a folder say, each with the path of its sound, in the order of their first samples."""
    found = []
    for path in folder.glob("*.json"):
        sound = next(each for each in folder.glob(f"{path.stem}.*") if each.suffix in (".wav", ".flac"))
        found.append(json.loads(path.read_text(encoding="utf-8")) | {"sound": sound})
    return sorted(found, key=lambda each: (each["first_sample"], each["kind"], each["label"]))


def lines(printed: list[str], text: str) -> list[str]:
    return [line for line in printed if text in line]


@pytest.mark.slow
def test_a_plain_server_stores_the_clips_that_stapes_listen_records(
    program: HostProgram, port: int, compiled_detector: Path, recording: NDArray[np.int16], tmp_path: Path
) -> None:
    with served(port, receiver_of_the_page(tmp_path / "sent")):
        printed = program.play(recording, tmp_path, environment=UNTIL_ALL_IS_SENT)
    expected = recorded(compiled_detector, blocks(recording, 320), tmp_path / "recorded")
    sent = descriptions(tmp_path / "sent")
    assert {each["kind"] for each in expected} == {"event", "near miss"}
    assert {each["label"] for each in expected if each["kind"] == "near miss"} == {"hiss", "rumble"}
    assert len(sent) == len(expected) == len(lines(printed, "Sent "))
    for here, there in zip(sent, expected, strict=True):
        length = len(read_sound(here["sound"], recording, here["first_sample"]))
        assert length == soundfile.info(there["sound"]).frames
        assert here["sound"].suffix == ".wav"
        assert re.sub(r"^[^_]*", "", here["sound"].stem) == re.sub(r"^[^_]*", "", there["sound"].stem)
        assert re.fullmatch(r"\d{8}T\d{6}\.\d{3}Z", here["sound"].stem.split("_")[0])
        assert track(here) == track(there)
        heard_here, heard_there = read_description(here["sound"]), read_description(there["sound"])
        assert heard_here is not None
        assert heard_there is not None
        assert heard_here.near_miss_labels == heard_there.near_miss_labels
        assert [heard(each) for each in here["heard"]] == [heard(each) for each in there["heard"]]
        for key in set(there) - {"sound", "heard", "utc"}:
            assert here[key] == there[key], key
        assert here.keys() == there.keys()
    assert (
        main(["review", *map(str, (compiled_detector, tmp_path / "sent", "--split", "all", "--out", tmp_path / "x"))])
        == 0
    )
    for path in (tmp_path / "sent").iterdir():
        assert b"listener" not in path.read_bytes()  # the device's name
        assert b"kitchen" not in path.read_bytes()


def read_sound(path: Path, recording: NDArray[np.int16], first: int) -> NDArray[np.int16]:
    """Return the samples of a WAV file, which must be those of the recording from this one on."""
    info = soundfile.info(path)
    assert (info.samplerate, info.channels, info.subtype, info.format) == (16_000, 1, "PCM_16", "WAV")
    pcm, _ = soundfile.read(path, dtype="int16")
    assert np.array_equal(pcm, recording[first : first + len(pcm)])
    return pcm


def track(clip: dict[str, Any]) -> str:
    text: str = clip["sound"].with_suffix(".txt").read_text(encoding="utf-8")
    return text


def heard(each: dict[str, Any]) -> tuple[str, str, int, int, float | None]:
    """Return what is equal; times are printed with nine decimals."""
    return (
        each["kind"],
        each["label"],
        round(each["onset"] * 16_000),
        round(each["offset"] * 16_000),
        each["probability"],
    )


@pytest.mark.slow
def test_of_each_class_a_number_of_clips_in_an_hour_is_sent_and_the_rest_is_counted(
    program: HostProgram, port: int, tmp_path: Path
) -> None:
    bursts = [(at, at + 0.5, "hiss") for at in (0.5, 2.5, 4.5, 6.5, 8.5)] + [(10.5, 11.0, "rumble")]
    with served(port, receiver_of_the_page(tmp_path / "sent")):
        printed = program.play(noise_bursts(14.0, bursts), tmp_path, environment=UNTIL_ALL_IS_SENT)
    events = [each for each in descriptions(tmp_path / "sent") if each["kind"] == "event"]
    assert [each["label"] for each in events] == ["hiss"] * PER_HOUR + ["rumble"]
    assert len(lines(printed, "No clip of hiss (event): the hour has its 3")) == 2
    assert "2 not sent since the start" in lines(printed, "not sent since the start")[-1]


@pytest.mark.slow
def test_clips_go_on_behind_audio_that_the_detector_lost_and_have_all_the_sound(
    program: HostProgram,
    library: Library,
    port: int,
    compiled_detector: Path,
    recording: NDArray[np.int16],
    tmp_path: Path,
) -> None:
    """Two seconds come at once, as if loop() had waited so long."""
    with served(port, receiver_of_the_page(tmp_path / "sent")):
        printed = program.play(recording, tmp_path, first_block=32_000, environment=UNTIL_ALL_IS_SENT)
    (lost,) = {int(lost) for line in printed for lost in re.findall(r"1 overruns, (\d+) samples lost", line)}
    header = layout("esphome").files(library)["components/stapes/tiny_single.h"]
    kept = int(re.findall(r"^#define TINY_RING_SAMPLES (\d+)$", header, re.MULTILINE)[0])
    heard_parts = [*blocks(recording[:kept], 320), Gap(lost, 16_000, "overrun"), *blocks(recording[kept + lost :], 320)]
    expected = recorded(compiled_detector, heard_parts, tmp_path / "recorded")
    sent = descriptions(tmp_path / "sent")
    assert [facts(each) for each in sent] == [facts(each) for each in expected]
    for each in sent:
        assert len(read_sound(each["sound"], recording, each["first_sample"])) > 0


def facts(clip: dict[str, Any]) -> tuple[str, str, int, list[tuple[str, str, int, int, float | None]]]:
    return clip["kind"], clip["label"], clip["first_sample"], [heard(each) for each in clip["heard"]]


@pytest.mark.slow
def test_a_device_without_the_time_of_day_names_clips_by_its_own_clock(
    program: HostProgram, port: int, tmp_path: Path
) -> None:
    """The clock of a device begins in 1970; a random number keeps the clips of two starts apart."""
    (tmp_path / "clock.c").write_text(
        "#include <sys/time.h>\n"
        "int gettimeofday(struct timeval *now, void *zone)\n"
        "{\n    (void)zone;\n    now->tv_sec = 60;\n    now->tv_usec = 0;\n    return 0;\n}\n"
    )
    clock = tmp_path / "clock.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", clock, tmp_path / "clock.c"], check=True)
    pcm = noise_bursts(4.0, [(1.0, 1.5, "hiss")])
    with served(port, receiver_of_the_page(tmp_path / "sent")):
        for _ in range(2):
            program.play(pcm, tmp_path, environment=UNTIL_ALL_IS_SENT | {"LD_PRELOAD": str(clock)})
    events = [each for each in descriptions(tmp_path / "sent") if each["kind"] == "event"]
    assert len(events) == 2
    for each in events:
        assert each["utc"] is None
        onset = each["first_sample"] + 8_000
        assert re.fullmatch(rf"{onset / 16_000:010.3f}s_[0-9a-f]{{8}}_hiss_{onset}", each["sound"].stem)
    assert events[0]["sound"] != events[1]["sound"]


@pytest.mark.slow
def test_clips_of_a_model_that_was_loaded_do_not_claim_the_hash_of_the_exported_one(
    program: HostProgram, port: int, compiled_detector: Path, recording: NDArray[np.int16], tmp_path: Path
) -> None:
    """The other model differs in its thresholds."""
    other = shutil.copytree(compiled_detector, tmp_path / "other.stapes")
    folder = read_folder(other)
    rumble, hiss = folder.events
    replace(folder, events=(rumble, replace(hiss, on_score=60, off_score=40))).write()
    blob = tmp_path / "other.blob"
    assert main(["export", str(other), "--blob", "--target", "portable", "--out", str(blob)]) == 0
    with served(port, receiver_of_the_page(tmp_path / "sent")):
        program.play(recording, tmp_path, environment=UNTIL_ALL_IS_SENT | {"BLOB": str(blob)})
    sent = descriptions(tmp_path / "sent")
    expected = recorded(other, blocks(recording, 320), tmp_path / "recorded")
    assert [facts(each) for each in sent] == [facts(each) for each in expected]
    assert [each["threshold"] for each in sent] == [each["threshold"] for each in expected]
    assert all(each["detector"] == {"model_sha256": None, "frontend_hash": None} for each in sent)


class Full(BaseHTTPRequestHandler):
    """Stores nothing."""

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_error(507)

    def log_message(self, *_: Any) -> None: ...


@pytest.mark.slow
def test_a_server_that_does_not_store_a_clip_is_told(
    program: HostProgram, port: int, compiled_detector: Path, recording: NDArray[np.int16], tmp_path: Path
) -> None:
    expected = recorded(compiled_detector, blocks(recording, 320), tmp_path / "recorded")
    with served(port, Full):
        printed = program.play(recording, tmp_path, environment=UNTIL_ALL_IS_SENT)
    assert len(lines(printed, "was not sent: the server answered HTTP/1.0 507 Insufficient Storage")) == len(expected)
    assert f"0 clips sent, {len(expected)} not sent" in lines(printed, "not sent since the start")[-1]
    assert len(
        lines(program.play(recording, tmp_path, environment=UNTIL_ALL_IS_SENT), "was not sent: Connection refused")
    ) == len(expected)


@pytest.mark.slow
def test_a_server_that_never_answers_holds_up_nothing(
    program: HostProgram, port: int, compiled_detector: Path, recording: NDArray[np.int16], tmp_path: Path
) -> None:
    """The first clip ends after ten seconds; meanwhile the events are heard, and quiet overwrites other clips."""
    expected = recorded(compiled_detector, blocks(recording, 320), tmp_path / "recorded")
    with socket.create_server(("127.0.0.1", port)):  # the system accepts the connection, and nobody reads
        long = np.concatenate([recording, noise_bursts(15.0, [])])
        printed = program.play(long, tmp_path, environment={"PLAYED_LOOPS": "500"})
    events = [each for each in expected if each["kind"] == "event"]
    assert len(lines(printed, " ends at sample ")) == len(events)
    assert not lines(printed, "samples lost since the start")
    assert "nothing went or came for 10 s" in lines(printed, "was not sent: ")[0]
    told = max(number for number, line in enumerate(printed) if "clips sent, " in line)
    assert f"0 clips sent, {len(lines(printed[:told], 'was not sent: '))} not sent" in printed[told]


def example_with(library: Library, folder: Path, clips: str) -> Path:
    """Write the exported folder, with these options in the example of the ESP32-S3."""
    require_esphome()
    example = write_export(library, folder) / "esp32-s3.yaml"
    example.write_text(example.read_text().replace("  on_event:", f"{clips}\n  on_event:", 1))
    return example


def test_esphome_generates_the_code_of_clips_only_with_the_option(library: Library, tmp_path: Path) -> None:
    with_clips = example_with(library, tmp_path / "with", "  clips:\n    url: http://192.0.2.7:8080/kitchen")
    without = example_with(library, tmp_path / "without", "")
    for example, has_clips in ((with_clips, True), (without, False)):
        done = esphome("compile --only-generate", example)
        assert done.returncode == 0, done.stdout + done.stderr
        (source,) = example.parent.glob(".esphome/build/*/src")
        assert ("USE_STAPES_CLIPS" in (source / "esphome/core/defines.h").read_text()) == has_clips
        main_cpp = (source / "main.cpp").read_text()
        assert ("192.0.2.7" in main_cpp) == has_clips
    (ring,) = re.findall(r"\.ring = (\d+)", (with_clips.parent / ".esphome/build/stapes/src/main.cpp").read_text())
    assert f"these are {2 * int(ring):,} bytes of RAM" in (with_clips.parent / "README.md").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("url: https://192.0.2.7/kitchen", "must begin with http://"),
        ("url: 192.0.2.7:8080", "must begin with http://"),
        ("url: http://nas.local:8080/kitchen", "nas.local is not a valid IPv4 address"),
        ("url: http://ada:secret@192.0.2.7/", "without a user"),
        ("url: http://192.0.2.7:99999/", "Port out of range 0-65535"),
        ("url: http://192.0.2.7:0/", "needs a port from 1 to 65535"),
        ("url: http://192.0.2.7/küche", "a path of ASCII letters"),
        ("before: 1s", "'url' is a required option for"),
        ("{url: http://192.0.2.7/, before: 11s}", "value must be at most 10s"),
        ("{url: http://192.0.2.7/, longest_event: 0s}", "value must be at least 100ms"),
        ("{url: http://192.0.2.7/, near_misses: -1}", "value must be at least 0"),
        ("{url: http://192.0.2.7/, near_misses: 41}", "value must be at most 40"),
        ("{url: http://192.0.2.7/, per_hour: 0}", "value must be at least 1"),
        ("{url: http://192.0.2.7/, seconds: 2}", "[seconds] is an invalid option for"),
    ],
)
def test_esphome_refuses_clips_that_cannot_be_sent(
    library: Library, tmp_path: Path, options: str, message: str
) -> None:
    clips = f"  clips: {options}" if options.startswith("{") else f"  clips:\n    {options}"
    done = esphome("config", example_with(library, tmp_path, clips))
    assert done.returncode == 2
    assert "Failed config" in done.stdout
    assert message in " ".join(done.stdout.split())
