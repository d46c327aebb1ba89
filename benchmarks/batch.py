"""How fast `stapes detect` goes through a folder of recordings: `make bench-batch`, after `make demo`.

The demo's detector runs over folders of ten-minute FLAC files, made of the demo's recordings, with the compiled model
and with LiteRT's `BUILTIN_REF`, in one process and in two. Wall time and processor time of each run, from the start of
its processes to its last table, are printed and written to results/batch.csv. The stages are timed on one recording.
All files of a folder are links to one file, so that the speed of the disk does not count.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.rows import read_rows, write_rows
from stapes.convert.compile import compile_model
from stapes.firmware_sim.device.events import EventDecoder
from stapes.firmware_sim.device.folder import new_detector_folder, read_folder
from stapes.firmware_sim.device.frontend import Frontend
from stapes.firmware_sim.errors import DetectorFolderError
from stapes.runtime.audio import AudioFile, read_audio
from stapes.runtime.batch.run import BatchSettings, run_batch
from stapes.runtime.engine import ENGINES, choose_engine

DEMO = Path("build/demo")
RECORDING_S = 600
TITLES = {name: ENGINES[name].title for name in ("c", "litert")}
HOURS = {"c": (1.0, 3.0, 10.0), "litert": (0.5, 1.0, 2.0)}
REPEATS = 3


@dataclass(frozen=True)
class Cost:
    """Time that one run takes, or one stage of a run (then `processes` is 0)."""

    engine: str
    what: str  # "run", or a stage
    processes: int
    hours: float
    wall_s: float
    processor_s: float

    @property
    def per_wall(self) -> float:
        """Seconds of audio per second of wall time."""
        return self.hours * 3600 / self.wall_s

    @property
    def per_core(self) -> float:
        """Seconds of audio per second of processor time."""
        return self.hours * 3600 / self.processor_s


def stages(detector: Path, recording: Path) -> Iterator[Cost]:
    """Yield the cost of each stage over one recording, the best of REPEATS."""
    folder = read_folder(detector)
    rate = folder.clock.sample_rate_hz
    pcm = read_audio(recording, rate).pcm
    hours = len(pcm) / rate / 3600
    frontend = Frontend(folder.tables)
    features = frontend.features(pcm)
    steps = len(features) // folder.frames_per_step
    frames = features[: steps * folder.frames_per_step].reshape(steps, folder.frames_per_step, -1)
    engines = {name: choose_engine(folder, name) for name in TITLES}
    scores = engines["c"].run(frames)
    decoder = EventDecoder(folder.classes, folder.events, folder.clock)
    yield _stage("", "decoding FLAC", hours, lambda: sum(map(len, AudioFile(recording, rate).blocks())))
    yield _stage("", "frontend", hours, lambda: frontend.features(pcm))
    for name, engine in engines.items():
        yield _stage(name, "model", hours, lambda engine=engine: engine.run(frames))  # type: ignore[misc]
    yield _stage("", "events", hours, lambda: decoder.push(scores))


def _stage(engine: str, what: str, hours: float, call: Callable[[], object]) -> Cost:
    taken = []
    for _ in range(REPEATS):
        wall, processor = time.perf_counter(), time.process_time()
        call()
        taken.append((time.process_time() - processor, time.perf_counter() - wall))
    processor_s, wall_s = min(taken)
    return Cost(engine, what, 0, hours, wall_s, processor_s)


def runs(detector: Path, recording: Path, scratch: Path, chosen: Sequence[float]) -> Iterator[Cost]:
    """Yield the cost of runs over folders of growing length in one process, then over the longest in two."""
    for engine, lengths in HOURS.items():
        for hours in chosen or lengths:
            yield _run(engine, 1, hours, detector, recording, scratch)
        yield _run(engine, 2, (chosen or lengths)[-1], detector, recording, scratch)


def _run(engine: str, processes: int, hours: float, detector: Path, recording: Path, scratch: Path) -> Cost:
    with tempfile.TemporaryDirectory(dir=scratch) as place:
        folder = Path(place, "season")
        folder.mkdir()
        for number in range(round(hours * 3600 / RECORDING_S)):
            os.link(recording, folder / f"{number:04d}.flac")
        settings = BatchSettings(detector, str(folder), Path(place, "events.csv"), engine=engine, jobs=processes)
        wall, processor = time.perf_counter(), _processor_s()
        totals = run_batch(settings)
        cost = Cost(engine, "run", processes, hours, time.perf_counter() - wall, _processor_s() - processor)
    if totals.unreadable or totals.seconds != hours * 3600:
        raise DetectorFolderError(f"the run did not read all {hours:g} hours: {totals}; run the benchmark again")
    return cost


def _processor_s() -> float:
    """Return the processor time in seconds of this process and of the child processes that have ended."""
    parts = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in parts)


def write_recording(sounds: Path, out: Path) -> None:
    """Write ten minutes of audio: the demo's test recordings, repeated. Raises DetectorFolderError without them."""
    files = sorted((sounds / "test").glob("*.flac"))
    if not files:
        raise DetectorFolderError(f"{sounds}/test has no recordings; `make demo` makes them")
    pieces = [soundfile.read(path, dtype="int16") for path in files]
    rate = pieces[0][1]
    pcm = np.concatenate([samples for samples, _ in pieces])
    soundfile.write(out, np.resize(pcm, RECORDING_S * rate), rate)


def print_tables(costs: Sequence[Cost]) -> None:
    """Print the stages, then the runs, then processor time per hour of audio as fitted to the runs of each engine."""
    print(f"{'stage, one core':34} {'x real time':>12} {'us per second':>14}")
    for cost in costs:
        if not cost.processes:
            name = f"{cost.what}{', ' + TITLES[cost.engine] if cost.engine else ''}"
            print(f"{name:34} {cost.per_core:12,.0f} {1e6 / cost.per_core:14,.1f}")
    heads = ("hours", "wall s", "processor s", "x real time", "per core")
    print(f"\n{'run':20} {'processes':>9} " + " ".join(f"{head:>12}" for head in heads))
    for cost in costs:
        if cost.processes:
            figures = (cost.hours, cost.wall_s, cost.processor_s, cost.per_wall, cost.per_core)
            print(
                f"{TITLES[cost.engine]:20} {cost.processes:9} "
                + " ".join(f"{figure:12,.{digits}f}" for figure, digits in zip(figures, (1, 2, 2, 0, 0), strict=True))
            )
    for engine, name in TITLES.items():
        single = [cost for cost in costs if cost.engine == engine and cost.processes == 1]
        if len(single) > 1:
            slope, start = np.polyfit([cost.hours for cost in single], [cost.processor_s for cost in single], 1)
            print(f"{name}: {slope:.2f} s of processor per hour and {start:.2f} s to begin: {3600 / slope:,.0f} x")


def day_table(costs: Sequence[Cost]) -> str:
    """Return hours of audio that cores process in a day, from the longest run of one process, as a Markdown table.

    docs/months-of-recordings.md holds it.
    """
    rows = ["| engine | x real time, one core | hours a day, 1 core | 16 cores | 256 cores |", "|---|---|---|---|---|"]
    for engine, name in TITLES.items():
        longest = [cost for cost in costs if cost.engine == engine and cost.processes == 1][-1]
        per_day = [f"{longest.per_core * 24 * cores:,.0f}" for cores in (1, 16, 256)]
        rows.append(f"| {name} | {longest.per_core:,.0f} | {' | '.join(per_day)} |")
    return "\n".join(rows)


def hours_table(costs: Sequence[Cost]) -> str:
    """Return seconds of processor time by hours of audio as a Markdown table; docs/months-of-recordings.md holds it."""
    rows = ["| engine | processes | hours | seconds of processor | per hour |", "|---|---|---|---|---|"]
    for cost in costs:
        if cost.processes:
            figures = f"{cost.hours:g} | {cost.processor_s:.1f} | {cost.processor_s / cost.hours:.2f}"
            rows.append(f"| {TITLES[cost.engine]} | {cost.processes} | {figures} |")
    return "\n".join(rows)


def read_csv() -> list[Cost]:
    """Return what results/batch.csv holds."""
    return [
        Cost(row["engine"], row["what"], int(row["processes"]), *(float(row[name]) for name in _FLOATS))
        for row in read_rows("batch")
    ]


_FLOATS = ("hours", "wall_s", "processor_s")


def _row(cost: Cost) -> dict[str, Any]:
    return {name: round(value, 5) if isinstance(value, float) else value for name, value in asdict(cost).items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; write the CSV unless --hours chose other lengths."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__)
    parser.add_argument("--demo", type=Path, default=DEMO, metavar="DIR", help="the folder that `make demo` made")
    parser.add_argument("--hours", type=float, action="append", default=[], help="instead of the usual lengths")
    chosen = parser.parse_args(arguments)
    given = read_folder(chosen.demo / "pops.stapes")
    with tempfile.TemporaryDirectory(prefix="stapes-bench-") as name:
        scratch = Path(name)
        detector, recording = scratch / "pops.stapes", scratch / "recording.flac"
        with new_detector_folder(detector) as draft:
            for part in ("detector.json", "frontend.bin", "model.tflite"):
                (draft / part).write_bytes((given.path / part).read_bytes())
            compile_model(given.model, draft / "c", "pops")
        write_recording(chosen.demo / "sounds", recording)
        costs = [*stages(detector, recording), *runs(detector, recording, scratch, chosen.hours)]
    print_tables(costs)
    print(f"\n{day_table(costs)}\n\n{hours_table(costs)}")
    if not chosen.hours:
        write_rows("batch", [_row(cost) for cost in costs])


if __name__ == "__main__":
    main(sys.argv[1:])
