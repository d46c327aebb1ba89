"""A scratch folder in which the blocks of a page run in order, with stand-ins for hardware and for hours of work."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import soundfile
from backbone_files import random_weights, write_keras_weights
from page_blocks import ROOT, Block
from season import write_season
from tiny_detector import RATE, noise_bursts

from benchmarks.tflite_models import Layers, ds_cnn
from stapes.runtime.labels import Annotation, read_audacity, write_audacity, write_dcase

HELPERS = Path(__file__).parent
BLOCK_S = 300.0
LISTENING_S = 8.0  # a program at a microphone is ended then, as Ctrl-C ends it

# Programs that pages call; each stand-in writes what the page says that the program writes.
_PROGRAMS = {
    "stapes": f'exec {sys.executable} {HELPERS}/stand_in_stapes.py "$@"',
    "python": f'exec {sys.executable} "$@"',
    "pip": "exit 0",
    "ffmpeg": "exec cat camera.wav",
    "arecord": "exec cat stereo.pcm",
}


class Stage:
    """The folder, and what a page finds in it."""

    def __init__(self, folder: Path, detector: Path, environment: Mapping[str, str]) -> None:
        self.folder, self._detector = folder, detector
        programs = folder / ".venv" / "bin"
        programs.mkdir(parents=True)
        for name, command in _PROGRAMS.items():
            (programs / name).write_text(f"#!/bin/sh\n{command}\n")
            (programs / name).chmod(0o755)
        (programs / "activate").write_text(f'PATH="{programs}:$PATH"\n')
        for name in ("docs", "firmware_sim"):
            (folder / name).symlink_to(ROOT / name)
        self._environment = os.environ | environment | {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "MPLBACKEND": "agg",
        }  # fmt: skip

    def prepare(self, *names: str) -> None:
        """Put what a page needs into the folder: a detector, a recording, a dataset, by the name that the page uses."""
        for name in names:
            path = self.folder / name
            _MAKERS.get(name, self._copy_detector)(path)

    def _copy_detector(self, path: Path) -> None:
        shutil.copytree(self._detector, path)

    def run(self, block: Block) -> str:
        """Run or write one block; return what it printed. AssertionError with the output when it fails."""
        if block.title:
            (self.folder / block.title).write_text(block.text, encoding="utf-8")
            return ""
        if block.language == "sh":
            return self.command(block.text, block.place)
        if block.language == "python":
            listens = "Microphone(" in block.text
            return self._wait(block.place, [sys.executable, "-c", block.text], LISTENING_S if listens else BLOCK_S)
        assert block.language == "text", f"{block.place}: no way to run {block.language}; give it a title, or mark it"
        return ""

    def command(self, script: str, place: str = "script") -> str:
        """Run lines of shell, ended by the first that fails; return what they printed."""
        return self._wait(place, ["bash", "-euo", "pipefail", "-c", script], BLOCK_S)

    def _wait(self, place: str, command: list[str], seconds: float) -> str:
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=self._environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            printed, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
            printed, _ = process.communicate(timeout=60)
        assert process.returncode == 0, f"{place} ends with {process.returncode}:\n{printed}"
        return printed


def _sounds(recordings: int, seconds: float, seed: int) -> list[tuple[np.ndarray, list[Annotation]]]:
    """Return recordings of noise with bursts of the tiny detector's classes, and their labels."""
    made = []
    for number in range(recordings):
        onsets = np.arange(1.0, seconds - 2.0, 2.0) + 0.1 * number
        bursts = [(at, at + 0.6, ("hiss", "rumble")[place % 2]) for place, at in enumerate(onsets)]
        events = [Annotation(float(onset), float(offset), label) for onset, offset, label in bursts]
        made.append((noise_bursts(seconds, bursts, seed=seed + number), events))
    return made


def _write_recording(path: Path) -> None:
    [(pcm, _)] = _sounds(1, 10.0, 1)
    soundfile.write(path, pcm, RATE)


def _write_raw(path: Path) -> None:
    [(pcm, _)] = _sounds(1, 10.0, 1)
    path.write_bytes(pcm.astype("<i2").tobytes())


def _write_stereo(path: Path) -> None:
    [(pcm, _)] = _sounds(1, 3.0, 1)
    path.write_bytes(np.repeat(pcm, 6).astype("<i2").tobytes())  # 48 kHz, two channels


def _write_dataset(path: Path) -> None:
    """Write a dataset as a person makes it: a folder per session, a label track next to each recording."""
    for number, session in enumerate(("kitchen", "garden", "hall", "yard", "cellar", "street")):
        (path / session).mkdir(parents=True)
        for place, (pcm, events) in enumerate(_sounds(2, 12.0, 10 * number), 1):
            soundfile.write(path / session / f"session{place}.wav", pcm, RATE)
            (path / session / f"session{place}.txt").write_text(write_audacity(events), encoding="utf-8")


def _write_table(path: Path) -> None:
    """Write the label tracks of a dataset as one table."""
    recordings = {
        str(track.with_suffix(".wav").relative_to(path.parent)): read_audacity(track)
        for track in sorted(path.parent.glob("*/*.txt"))
    }
    path.write_text(write_dcase(recordings), encoding="utf-8")


def _write_quiet_hour(path: Path) -> None:
    path.mkdir()
    soundfile.write(path / "night.wav", noise_bursts(20.0, [(5.0, 5.5, "hiss")]), RATE)


def _write_trained(path: Path) -> None:
    """Write a model that is float32 at the border and int8 inside."""
    net = Layers(7)
    real = net.builder.input("features", (1, 8), None, "float32")
    codes = net.simple("QUANTIZE", "codes", [real], (1, 8), (0.05, -3))
    logits = net.dense("logits", net.dense("hidden", codes, 16), 3, (0.1, 5), relu=False)
    shares = net.simple("SOFTMAX", "shares", [logits], (1, 3), (1 / 256, -128), "SoftmaxOptions", beta=1.0)
    scores = net.builder.tensor("scores", (1, 3), None, "float32")
    path.write_bytes(net.builder.finish([net.builder.operator("DEQUANTIZE", [shares], [scores])]))


def _write_hallway(path: Path) -> None:
    path.mkdir()
    soundfile.write(path / "evening.flac", noise_bursts(1860.0, [(60.0, 60.5, "hiss")]), RATE)


def _write_fetched(path: Path) -> None:
    path.parent.mkdir(parents=True)
    write_keras_weights(path, random_weights(layers=14))


_MAKERS: dict[str, Callable[[Path], object]] = {
    "yard.flac": _write_recording,
    "camera.wav": _write_recording,
    "evening.flac": _write_recording,
    "yard.pcm": _write_raw,
    "yard.txt": lambda path: path.write_text("1.000000\t1.600000\thiss\n", encoding="utf-8"),
    "stereo.pcm": _write_stereo,
    "login.txt": lambda path: path.write_text("mic:secret\n", encoding="utf-8"),
    "kws.tflite": lambda path: path.write_bytes(ds_cnn()),
    "trained.tflite": _write_trained,
    "cache/stapes/yamnet.h5": _write_fetched,
    "season": lambda path: write_season(path, 4, 4.0),
    "recordings": _write_dataset,
    "recordings/labels.tsv": _write_table,
    "bearings": _write_dataset,
    "an-hour-without-events": _write_quiet_hour,
    "hallway": _write_hallway,
}
