"""A folder of recordings as a recorder writes it, and `stapes detect` on it in a process of its own."""

import signal
import subprocess
import sys
from pathlib import Path

import soundfile
from tiny_detector import RATE, noise_bursts

_RUN = "import sys; from stapes.runtime.main import main; sys.exit(main())"


def write_season(folder: Path, recordings: int, seconds: float) -> Path:
    """Write recordings in two folders, named by their start; one hiss or rumble each."""
    for number in range(recordings):
        path = folder / ("north", "south")[number % 2] / f"R_20240501_{number // 60:02d}{number % 60:02d}00.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        at = 0.5 + number % 5 * 0.25
        burst = (at, at + 0.75, ("hiss", "rumble")[number % 3 == 0])
        soundfile.write(path, noise_bursts(seconds, [burst], seed=number), RATE)
    return folder


def detect_words(detector: Path, folder: object, out: Path, *words: object) -> list[str]:
    """Return the arguments of the command."""
    return ["detect", str(detector), str(folder), "--out", str(out), "--engine", "litert", *map(str, words)]


def start_detect(*arguments: object) -> subprocess.Popen[str]:
    """Begin `stapes detect` (arguments of `detect_words`)."""
    words = [sys.executable, "-c", _RUN, *detect_words(*arguments)]  # type: ignore[arg-type]
    return subprocess.Popen(words, text=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=_accept_ctrl_c)


def _accept_ctrl_c() -> None:
    """Undo that a shell makes its background processes, and so also their children, ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def finished(journal: Path) -> int:
    """Return the number of recordings in a journal; its first line is a header."""
    return max(0, journal.read_bytes().count(b"\n") - 1) if journal.exists() else 0
