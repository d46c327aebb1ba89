"""`stapes listen` as a process: a virtual microphone or a pipe in, JSON lines out, a clean end."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_detector import noise_bursts
from virtual_microphone import VirtualMicrophone

import stapes.runtime.live.microphone
from stapes.firmware_sim.device.events import completed
from stapes.runtime.detector import Detector
from stapes.runtime.labels import read_audacity
from stapes.runtime.live.listen import listen
from stapes.runtime.live.microphone import Microphone
from stapes.runtime.main import build_parser, main

BURSTS = [(0.5, 1.1, "hiss"), (1.6, 2.4, "rumble"), (2.0, 2.6, "hiss")]
STAPES = [sys.executable, "-c", "import sys; from stapes.runtime.main import main; sys.exit(main())"]


def _events(lines: list[str]) -> list[tuple[str, int, int]]:
    records = [json.loads(line) for line in lines]
    return [(r["label"], r["onset_sample"], r["offset_sample"]) for r in records if r["kind"] == "event"]


class _Listening:
    """A running `stapes listen`."""

    def __init__(self, *words: object, environment: dict[str, str] | None = None, stdin: int | None = None) -> None:
        self.process = subprocess.Popen(
            [*STAPES, "listen", *map(str, words)],
            env=os.environ | (environment or {}),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, words: str = "listening to ") -> None:
        assert self.process.stderr is not None
        killer = threading.Timer(60, self.process.kill)
        killer.start()
        lines = []
        for line in self.process.stderr:
            lines.append(line)
            if words in line:
                killer.cancel()
                return
        raise AssertionError(f"ended with {self.process.wait()}; expected {words!r} on stderr, got {lines}")

    def end(self, number: int) -> tuple[list[str], str]:
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, err
        return out.splitlines(), err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_recording_played_into_a_virtual_microphone_gives_the_events_of_the_file(
    tiny_detector: Path, virtual_microphone: VirtualMicrophone, number: int
) -> None:
    pcm = noise_bursts(3.5, BURSTS)
    listening = _Listening(tiny_detector, "--device", "pulse", environment=virtual_microphone.environment)
    listening.wait_for()
    _play_and_wait(virtual_microphone, pcm)
    lines, _ = listening.end(number)
    heard = _events(lines)
    expected = [
        (event.label, event.onset_sample, event.offset_sample) for event in Detector.load(tiny_detector).detect(pcm)
    ]
    assert len(expected) == 3
    assert [label for label, _, _ in heard] == [label for label, _, _ in expected]
    # The silence before the recording is not a whole number of steps, which shifts events by up to two steps of 512.
    shift = heard[0][1] - expected[0][1]
    for (_, onset, offset), (_, true_onset, true_offset) in zip(heard, expected, strict=True):
        assert abs(onset - true_onset - shift) <= 1024
        assert abs(offset - true_offset - shift) <= 1024


def test_the_microphones_events_equal_the_files_to_the_sample(tiny_detector: Path, pulse: VirtualMicrophone) -> None:
    """The file contains the same silence before the recording as the stream."""
    detector, pcm, hearing = Detector.load(tiny_detector), noise_bursts(3.5, BURSTS), threading.Event()
    updates = []
    with Microphone("pulse", 16_000) as microphone:
        player = pulse.play(pcm, hearing)
        for update in listen(detector, microphone, stopped=lambda: not player.is_alive()):
            updates.append(update)
            hearing.set()
    heard = np.concatenate([update.pcm for update in updates])
    start = int(np.flatnonzero(heard)[0]) - int(np.flatnonzero(pcm)[0])
    assert np.array_equal(heard[start : start + len(pcm)], pcm)
    file = np.concatenate([np.zeros(start, np.int16), pcm, np.zeros(len(heard) - start - len(pcm), np.int16)])
    events = completed(event for update in updates for event in update.events)
    assert events == detector.detect(file)
    assert [event.label for event in events] == [label for _, _, label in BURSTS]


@pytest.mark.slow
def test_the_end_and_restart_of_a_sound_server_make_two_gaps_and_the_clock_stays_right(
    tiny_detector: Path, virtual_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    own = VirtualMicrophone(tmp_path)
    own.start()
    listening = _Listening(tiny_detector, "--device", "pulse", environment=own.environment)
    started_s = time.monotonic()
    try:
        listening.wait_for()
        _play_and_wait(own, noise_bursts(1.5, [(0.3, 0.9, "hiss")]))
        own.stop()
        listening.wait_for("lost (")
        time.sleep(2)
        own.start()
        listening.wait_for("is back after")
        _play_and_wait(own, noise_bursts(1.5, [(0.3, 0.9, "rumble")]))
        lines, _ = listening.end(signal.SIGTERM)
    finally:
        listening.process.kill()
        own.stop()
    records = [json.loads(line) for line in lines]
    hiss, lost, away, rumble = records
    assert [record["kind"] for record in records] == ["event", "gap", "gap", "event"]
    assert (hiss["label"], rumble["label"]) == ("hiss", "rumble")
    assert lost["label"].startswith("microphone lost: ")
    assert away["label"] == "microphone away"
    assert away["offset"] - away["onset"] > 2
    assert lost["onset"] <= lost["offset"] == away["onset"] < away["offset"] <= rumble["onset"]
    assert rumble["offset"] <= time.monotonic() - started_s


@pytest.mark.slow
def test_a_stream_that_the_sound_server_moves_to_another_microphone_is_marked(
    tiny_detector: Path, virtual_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    own = VirtualMicrophone(tmp_path)
    own.start("module-null-sink sink_name=other format=s16le rate=16000 channels=1")
    listening = _Listening(tiny_detector, "--device", "pulse", environment=own.environment)
    try:
        listening.wait_for()
        _play_and_wait(own, noise_bursts(1.5, [(0.3, 0.9, "hiss")]))
        modules = own.control("list", "short", "modules").splitlines()
        (pipe,) = [line.split()[0] for line in modules if "module-pipe-source" in line]
        own.control("unload-module", pipe)
        listening.wait_for("the sound server moved the recording from 'mic' to 'other.monitor'")
        lines, _ = listening.end(signal.SIGTERM)
    finally:
        listening.process.kill()
        own.stop()
    assert ("gap", "moved from mic to other.monitor") in [
        (record["kind"], record["label"]) for record in map(json.loads, lines)
    ]


def _play_and_wait(microphone: VirtualMicrophone, pcm: np.ndarray) -> None:
    hearing = threading.Event()
    player = microphone.play(pcm, hearing)
    time.sleep(0.5)  # of silence, so that the stream surely runs
    hearing.set()
    player.join()
    time.sleep(0.5)


@pytest.mark.parametrize("container", ["raw", "wav"])
def test_a_pipes_events_equal_the_files_to_the_sample(tiny_detector: Path, tmp_path: Path, container: str) -> None:
    pcm = noise_bursts(3.5, BURSTS, rate=44_100 if container == "wav" else 16_000)
    path = tmp_path / "hall.wav"
    soundfile.write(path, pcm, 44_100 if container == "wav" else 16_000)
    data = path.read_bytes() if container == "wav" else pcm.tobytes()
    done = subprocess.run([*STAPES, "listen", tiny_detector, "-"], input=data, capture_output=True, check=True)
    events = Detector.load(tiny_detector).detect(path)
    assert len(events) == 3
    assert sorted(_events(done.stdout.decode().splitlines()), key=lambda event: event[1]) == [
        (event.label, event.onset_sample, event.offset_sample) for event in events
    ]


def test_records_go_to_a_file_and_to_other_targets_as_well(tiny_detector: Path, tmp_path: Path) -> None:
    pcm = noise_bursts(3.5, BURSTS)
    words = ["--out", tmp_path / "log.csv", "--format", "csv", "--to", f"sqlite:{tmp_path}/log.sqlite"]
    words += ["--to", f"audacity:{tmp_path}/log.txt", "--record", tmp_path / "clips", "--pre-roll", 0.2, "--rate", 1]
    done = subprocess.run(
        [*STAPES, "listen", tiny_detector, "-", *map(str, words)], input=pcm.tobytes(), check=True, stdout=-1
    )
    assert done.stdout == b""
    rows = (
        sqlite3.connect(tmp_path / "log.sqlite")
        .execute("SELECT label, onset FROM records WHERE kind = 'event' ORDER BY onset")
        .fetchall()
    )
    assert [label for label, _ in rows] == [label for _, _, label in BURSTS]
    assert [row.label for row in read_audacity(tmp_path / "log.txt")] == [label for label, _ in rows]
    assert len(list((tmp_path / "clips").glob("*.flac"))) == len(rows)
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 1 + len(rows)


@pytest.mark.parametrize("command", ["detect", "listen"])
def test_a_command_ends_silently_when_the_reader_of_its_output_ends(
    tiny_detector: Path, tmp_path: Path, command: str
) -> None:
    pcm = noise_bursts(20.0, [(at + 0.2, at + 0.6, "hiss") for at in range(20)])
    soundfile.write(tmp_path / "hall.wav", pcm, 16_000)
    (tmp_path / "long.pcm").write_bytes(40 * pcm.tobytes())
    # `detect` writes in blocks of a few kilobytes, of which 40 recordings make several.
    names = [tmp_path / f"hall{number}.wav" for number in range(40)]
    for name in names:
        name.hardlink_to(tmp_path / "hall.wav")
    what = ["-"] if command == "listen" else [*map(str, names)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with (tmp_path / "long.pcm").open("rb") as stdin:
        process = subprocess.Popen(
            [*STAPES, command, str(tiny_detector), *what],
            env=environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        message = process.stderr.read().decode()
    assert process.wait(30) == 0, message
    assert "rror" not in message


def test_chunks_after_the_samples_of_a_wav_are_not_taken_for_audio(tiny_detector: Path, tmp_path: Path) -> None:
    path, rubbish = tmp_path / "hall.wav", np.random.default_rng(1).integers(-30_000, 30_000, 16_000, np.int16)
    soundfile.write(path, noise_bursts(2.0, []), 16_000)
    data = path.read_bytes() + b"LIST" + rubbish.nbytes.to_bytes(4, "little") + rubbish.tobytes()
    done = subprocess.run([*STAPES, "listen", tiny_detector, "-"], input=data, capture_output=True, check=True)
    assert done.stdout == b""
    assert b"stdin ended after 2.0 s" in done.stderr


def test_a_program_that_writes_nothing_into_the_pipe_is_an_error(tiny_detector: Path) -> None:
    done = subprocess.run([*STAPES, "listen", tiny_detector, "-"], stdin=subprocess.DEVNULL, capture_output=True)
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: stdin ended before any audio arrived")


@pytest.mark.parametrize("begun", [b"", b"RIFF\0\0"])
def test_listening_to_a_pipe_without_data_can_be_stopped(tiny_detector: Path, begun: bytes) -> None:
    listening = _Listening(tiny_detector, "-", "--to", "sqlite::memory:", stdin=subprocess.PIPE)
    assert listening.process.stdin is not None
    listening.process.stdin.buffer.write(begun)  # type: ignore[attr-defined]
    listening.process.stdin.flush()
    while not _takes_sigterm(listening.process.pid):
        time.sleep(0.05)
    listening.end(signal.SIGTERM)


def _takes_sigterm(process: int) -> bool:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return bool(int(status["SigCgt"], 16) & 1 << signal.SIGTERM - 1)


def test_a_full_disk_under_stdout_is_reported_and_listening_goes_on(tiny_detector: Path) -> None:
    pcm = noise_bursts(3.5, BURSTS)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*STAPES, "listen", tiny_detector, "-"], input=pcm.tobytes(), stdout=full, stderr=subprocess.PIPE
        )
    _, full_disk, ended, lost = done.stderr.decode().splitlines()
    assert full_disk.startswith("note: a record could not be written ([Errno 28] No space left on device)")
    assert ended == "stdin ended after 3.5 s"
    assert lost == "note: records that could not be written and are lost: 3"


def test_a_sink_on_a_disk_that_is_full_at_the_start_does_not_keep_the_others_from_working(
    tiny_detector: Path, tmp_path: Path
) -> None:
    pcm = noise_bursts(3.5, BURSTS)
    words = ["--to", "csv:/dev/full", "--to", f"dcase:{tmp_path}/log.txt"]
    done = subprocess.run(
        [*STAPES, "listen", tiny_detector, "-", *words], input=pcm.tobytes(), capture_output=True, check=True
    )
    assert [label for label, _, _ in _events(done.stdout.decode().splitlines())] == [label for _, _, label in BURSTS]
    assert len((tmp_path / "log.txt").read_text().splitlines()) == 1 + len(BURSTS)
    first, *_, lost = done.stderr.decode().splitlines()
    assert first.startswith("note: /dev/full: No space left on device; make room")
    assert lost == "note: records that could not be written and are lost: 3"


@pytest.mark.parametrize(
    ("name", "settings", "complaint"),
    [
        ("gsm.wav", {"subtype": "GSM610"}, "stdin: WAV with the codec GSM 6.10 cannot be read from a pipe"),
        ("hall.flac", {}, "stdin: FLAC cannot be read from a pipe"),
        ("hall.mp3", {}, "stdin: MP3 cannot be read from a pipe"),
        ("error.txt", None, "stdin: this is a text that begins with 'arecord: main: audio open error"),
    ],
)
def test_what_a_pipe_cannot_give_is_named_with_what_to_do(
    tiny_detector: Path, tmp_path: Path, name: str, settings: dict[str, str] | None, complaint: str
) -> None:
    if settings is None:
        (tmp_path / name).write_text("arecord: main: audio open error: Device or resource busy\n" * 9)
    else:
        soundfile.write(tmp_path / name, noise_bursts(1.0, []), 16_000, **settings)
    done = subprocess.run(
        [*STAPES, "listen", tiny_detector, "-"], input=(tmp_path / name).read_bytes(), capture_output=True
    )
    assert done.returncode == 1
    assert f"error: {complaint}" in done.stderr.decode()


@pytest.mark.parametrize("words", [["-", "{detector}"], ["{detector}", "--gain", "0", "-"], ["{detector}", "-"]])
@pytest.mark.parametrize("suffix", ["flac", "mp3", "wav"])
def test_a_recording_given_as_stdin_is_heard_as_detect_hears_it_and_has_no_utc(
    tiny_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], suffix: str
) -> None:
    path = tmp_path / f"hall.{suffix}"
    soundfile.write(path, noise_bursts(3.5, BURSTS), 16_000)
    with path.open("rb") as stdin:
        filled = [word.format(detector=tiny_detector) for word in words]
        done = subprocess.run([*STAPES, "listen", *filled], stdin=stdin, capture_output=True, check=True)
    lines = done.stdout.decode().splitlines()
    events = Detector.load(tiny_detector).detect(path)
    assert len(events) == 3
    assert sorted(_events(lines), key=lambda event: event[1]) == [
        (event.label, event.onset_sample, event.offset_sample) for event in events
    ]
    assert not any("utc" in json.loads(line) for line in lines), "nobody knows when it was recorded"


def test_channels_of_stdin_in_opposite_phase_are_told(tiny_detector: Path) -> None:
    pcm = noise_bursts(2.0, [(0.3, 0.9, "hiss")])
    both = np.stack([pcm, -pcm], axis=1).tobytes()
    words = [*STAPES, "listen", tiny_detector, "-", "--raw-channels", "2"]
    for more, told in ((), 1), (("--channel", "1"), 0):
        done = subprocess.run([*words, *more], input=both, capture_output=True, check=True)
        assert done.stderr.decode().count("note: stdin: its channels are in opposite phase and cancel") == told


def test_a_paced_recording_takes_its_time_and_has_utc(tiny_detector: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "hall.flac", noise_bursts(2.0, [(0.3, 0.9, "hiss")]), 16_000)
    begun_s = time.time()
    with (tmp_path / "hall.flac").open("rb") as stdin:
        done = subprocess.run(
            [*STAPES, "listen", tiny_detector, "-", "--paced"], stdin=stdin, capture_output=True, check=True
        )
    assert time.time() - begun_s > 2
    (record,) = map(json.loads, done.stdout.decode().splitlines())
    assert datetime.fromisoformat(record["utc"]).timestamp() > begun_s


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "name a detector folder"),
        (["{detector}", "--device", "no such thing"], "is not a microphone of this machine"),
        (["{detector}", "-", "--to", "fax:123"], "no such kind of target; use one of"),
        (["{detector}", "-", "--to", "http:///path"], "no host"),
        (["{detector}", "-", "--to", "mqtt://broker"], "need mqtt://HOST"),
        (["{detector}", "-", "--to", "mqtt://broker:99999/x"], "Port out of range"),
        (["{detector}", "-", "--to", "https://[::1/"], "Invalid IPv6 URL"),
        (["{detector}", "-", "--to", "https://a/b", "--template", "$colour"], "a record has"),
        (["{detector}", "-", "--out", "{detector}"], "is a folder"),
        (["{detector}", "-", "--out", "{detector}/detector.json"], "exists already"),
        (["{detector}", "-", "--channel", "2"], "stdin has channels 1 to 1, not 2"),
        (["{detector}", "--device", "pulse", "--channel", "99"], "not 99"),
        (["{detector}", "-", "--rate", "0"], "at least 1 s"),
        (["{detector}", "-", "--rate", "nan"], "at least 1 s"),
        (["{detector}", "-", "--post-roll", "inf"], "must be 0 to 600 s"),
        (["{detector}", "-", "--gain", "nan"], "must be -120 to 120 dB"),
        (["{detector}", "-", "--device", "pulse"], "leave out --device or -"),
        (["{detector}", "-", "--template", "x"], "name a webhook with --to https://"),
        (["{detector}", "-", "--token", "x"], "add --web"),
        (["{detector}", "--raw-rate", "8000"], "add - after the detector"),
        (["{detector}", "-", "--web", "0.0.0.0"], "give it with --token"),
        (["{detector}", "-", "--raw-rate", "0"], "both must be at least 1"),
    ],
)
def test_a_command_that_cannot_work_prints_one_line_before_any_audio_is_read(
    tiny_detector: Path,
    pulse: VirtualMicrophone,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    words: list[str],
    complaint: str,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "little").write_bytes(bytes(100))
    monkeypatch.setattr(sys, "stdin", (tmp_path / "little").open("rb"))
    assert main(["listen", *(word.format(detector=tiny_detector) for word in words)]) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert complaint in errors[0]


def test_devices_are_listed(pulse: VirtualMicrophone, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["listen", "--list-devices"]) == 0
    assert any(" pulse: " in line for line in capsys.readouterr().out.splitlines())


def test_a_terminal_that_knows_ascii_only_lists_devices_with_other_letters(tmp_path: Path) -> None:
    code = (
        "import sys; import stapes.runtime.live.microphone as m; from stapes.runtime.main import main; "
        f"m.list_devices = lambda: [m.InputDevice(3, {'Gerät für Töne 音'!a}, 1, 48_000, True)]; "
        "sys.exit(main(['listen', '--list-devices']))"
    )
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    environment.pop("PYTHONIOENCODING", None)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "  3  Ger\\xe4t f\\xfcr T\\xf6ne \\u97f3: 1 channels, 48000 Hz  (default)\n"


@pytest.mark.parametrize(
    "words", ["listen d --web -", "listen --web - d", "listen - d --web 8080", "listen d - --gain 3"]
)
def test_a_dash_is_stdin_wherever_it_stands_and_never_the_address_of_the_page(words: str) -> None:
    arguments = build_parser().parse_args(words.split())
    assert arguments.stdin
    assert arguments.detector == Path("d")
    assert arguments.web in (None, "", "8080")


def test_a_machine_without_a_microphone_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stapes.runtime.live.microphone, "list_devices", lambda: [])
    assert main(["listen", "--list-devices"]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "note: no microphone found; plug one in\n"
