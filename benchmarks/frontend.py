"""`make bench-frontend`: how exact the frontend is, how fast compared with its peers, and what it costs on boards.

Prints three tables and writes them to benchmarks/results/frontend.csv as one: group, subject, figure, value.
"""

import functools
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import librosa
import numpy as np
import numpy.typing as npt
from pymicro_features import MicroFrontend

from benchmarks import frontend_reference as reference
from benchmarks.frontend_boards import build, code_bytes, run_on_board
from benchmarks.rows import write_rows
from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, make_tables
from stapes.firmware_sim.errors import ToolchainError
from stapes.firmware_sim.machines.boards import BOARDS

COLUMNS = ("group", "subject", "figure", "value")
CONFIG = FrontendConfig(window_samples=400, hop_samples=160)  # 25/10 ms, as the peers use
DEMO = FrontendConfig()  # 32/16 ms
RATE = CONFIG.sample_rate_hz
MEASURED_BOARDS = [board.name for board in BOARDS.values() if board.stand_in is None]
Row = tuple[str, str, str, float]


def accuracy() -> Iterator[Row]:
    """Yield the error in dB of the log2 values against librosa's triangles over a float64 DFT."""
    samples, frontend = 3 * RATE, Frontend(make_tables(CONFIG))
    signals = {f"white noise {level} dBFS": reference.noise(level, samples) for level in (-80, -60, -40, -20, 0)}
    signals |= {f"pink noise {level} dBFS": reference.pink_noise(level, samples) for level in (-80, -60)}
    signals |= {f"sine sweep {level} dBFS": reference.sweep(level, samples) for level in (-60, -40, -20, 0)}
    signals |= {f"impulses {level} dBFS": reference.impulses(level, samples) for level in (-60, 0)}
    signals["100 Hz hum -6 + white noise -70"] = reference.sine(-6, 100, samples) + reference.noise(-70, samples)
    signals["1 kHz -20 + white noise -80"] = reference.sine(-20, 1000, samples) + reference.noise(-80, samples)
    signals["full-scale square 440 Hz"] = np.sign(reference.sine(0, 440, samples))
    signals["full-scale sine 7650 Hz, above all bands"] = reference.sine(0, 7_650, samples)
    for name, signal in signals.items():
        pcm = reference.as_int16(signal)
        error = np.abs(reference.decibel_errors(frontend.log2(pcm), pcm, CONFIG))
        powers = reference.band_powers(pcm, CONFIG)
        near = error[(powers > 0) & (powers >= 1e-8 * powers.max(axis=1, keepdims=True))]
        yield "error, dB", name, "p95", float(np.percentile(error, 95))
        yield "error, dB", name, "max", float(error.max())
        yield "error, dB", name, "max within 80 dB of the loudest band", float(near.max())


def speed(seconds: int = 60, rounds: int = 9) -> Iterator[Row]:
    """Yield frames per second of processor time over a recording; the libraries take turns, the best round counts."""
    pcm = reference.as_int16(reference.pink_noise(-30, seconds * RATE))
    wave = pcm.astype(np.float32) / np.float32(32768)
    subjects: dict[str, Callable[[], int]] = {
        "librosa.feature.melspectrogram": lambda: _librosa(wave),
        "pymicro-features": lambda: _pymicro(pcm),
    }
    widest = Frontend(make_tables(CONFIG)).lanes
    for lanes in [lanes for lanes in (1, 4, 8, 16) if lanes <= widest]:
        four = "NEON" if platform.machine() in ("aarch64", "arm64") else "SSE4.1"
        name = {1: "portable C", 4: four, 8: "AVX2", 16: "AVX-512"}[lanes]
        subjects[f"stapes, {name}"] = functools.partial(_stapes, Frontend(make_tables(CONFIG), lanes=lanes), pcm)
    best = dict.fromkeys(subjects, 0.0)
    for _ in range(rounds):
        for name, subject in subjects.items():
            start = time.process_time()
            frames = subject()
            best[name] = max(best[name], frames / (time.process_time() - start))
    for name, frames_per_s in best.items():
        yield "speed on this machine", name, "frames/s", frames_per_s
        yield "speed on this machine", name, "x librosa", frames_per_s / best["librosa.feature.melspectrogram"]
        yield "speed on this machine", name, "x pymicro-features", frames_per_s / best["pymicro-features"]


def _stapes(frontend: Frontend, pcm: reference.Int16s) -> int:
    return len(frontend.features(pcm))


def _librosa(wave: npt.NDArray[np.float32]) -> int:
    spectrum = librosa.feature.melspectrogram(
        y=wave, sr=RATE, n_fft=CONFIG.n_fft, win_length=400, hop_length=160, n_mels=40, fmin=60, fmax=7500, center=False
    )
    return int(spectrum.shape[1])


def _pymicro(pcm: reference.Int16s) -> int:
    frontend, blocks = MicroFrontend(), pcm.tobytes()
    results = (frontend.process_samples(blocks[at : at + 320]) for at in range(0, len(blocks) - 319, 320))
    return sum(bool(result.features) for result in results)


def boards() -> Iterator[Row]:
    """Yield instructions of the most expensive frame, as the emulator counts them, and bytes of code and tables."""
    pcm = reference.as_int16(np.concatenate([reference.noise(level, 1600) for level in (-70, -3)]))
    with tempfile.TemporaryDirectory() as folder:
        for board in MEASURED_BOARDS:
            firmware = build(board, Path(folder))
            runs = {"25/10 ms": run_on_board(firmware, CONFIG, pcm), "32/16 ms": run_on_board(firmware, DEMO, pcm)}
            for name, run in runs.items():
                yield "on a board", board, f"instructions/frame, {name}", run.frame
            yield "on a board", board, "instructions, init", runs["25/10 ms"].init
            yield "on a board", board, "code bytes", code_bytes(firmware)
            yield "on a board", board, "stack bytes", runs["25/10 ms"].stack_bytes
    yield "on a board", "any", "table bytes, 25/10 ms", len(make_tables(CONFIG))
    yield "on a board", "any", "table bytes, 32/16 ms", len(make_tables(DEMO))
    yield "on a board", "any", "work bytes", 4 * CONFIG.n_fft


def print_table(rows: list[Row]) -> None:
    """Print one line per subject and one column per figure."""
    group, figures = rows[0][0], list(dict.fromkeys(row[2] for row in rows))
    print(f"\n{group}: " + " | ".join(figures))
    for subject in dict.fromkeys(row[1] for row in rows):
        values = {row[2]: row[3] for row in rows if row[1] == subject}
        print(f"  {subject:41}" + " | ".join(_shown(values[figure]) if figure in values else "-" for figure in figures))


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3f}"


def main() -> int:
    """Measure, print, and write the CSV; return the process's exit code."""
    rows: list[Row] = []
    for measure in (accuracy, speed, boards):
        try:
            group = list(measure())
        except ToolchainError as error:
            print(f"note: {measure.__name__} left out: {error}", file=sys.stderr)
            continue
        print_table(group)
        rows += group
    write_rows("frontend", [dict(zip(COLUMNS, (*row[:3], f"{row[3]:.6g}"), strict=True)) for row in rows])
    return 0


if __name__ == "__main__":
    sys.exit(main())
