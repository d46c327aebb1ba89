"""Compare this machine and every board with LiteRT: by the known answers, and by recordings if any are named."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.events import Event
from stapes.firmware_sim.device.folder import DetectorFolder, read_folder
from stapes.firmware_sim.device.known_answers import (
    KnownAnswers,
    StoredAnswers,
    known_answers,
    sound_samples,
    stored_answers,
)
from stapes.firmware_sim.device.selftest import selftest_pcm
from stapes.firmware_sim.errors import ConfigError, ToolchainError
from stapes.firmware_sim.machines.boards import BOARDS, Board, one_board_of_each_core
from stapes.firmware_sim.machines.simulation import BuiltDetector, build_where_it_fits
from stapes.firmware_sim.machines.tools import find_tool
from stapes.runtime.audio import read_audio
from stapes.runtime.console import Progress
from stapes.runtime.detector import Detector
from stapes.runtime.litert_engine import LitertEngine

COLUMNS = ("machine", "known features", "known scores", "known events", "features", "scores", "events")


@dataclass(frozen=True)
class ReferenceRun:
    """The results of LiteRT's reference kernels, in the Python runtime, for one recording."""

    pcm: NDArray[np.int16]  # [samples]
    features: NDArray[np.int8]  # [frames, bands]
    scores: NDArray[np.int8]  # [steps, classes]
    events: list[Event]


@dataclass(frozen=True)
class Expected:
    """What every machine must compute."""

    samples: int  # length of the self-test's sound
    answers: KnownAnswers
    references: list[ReferenceRun]


@dataclass(frozen=True)
class MachineAnswers:
    """One machine's row of the table: what it computed, compared with the reference."""

    machine: str
    cells: tuple[str, ...]
    equal: bool


def reference_answers(folder: DetectorFolder, samples: int) -> KnownAnswers:
    """Return the known answers of a folder, computed by LiteRT's reference kernels."""
    output = Detector(folder, LitertEngine(folder)).hear(selftest_pcm(samples))
    return known_answers(folder, output.features, output.scores)


def verify_command(path: Path, recordings: Sequence[Path], channel: int | None = None) -> int:
    """Print for each machine which results equal the reference; return 1 when any differs, else 0.

    channel: of the recordings, counted from 1; None: the mean of all channels.
    A board whose compiler or emulator is not installed is not compared. Raises DetectorFolderError or AudioError for a
    detector or a recording that cannot be read, ConfigError for a channel without recordings.
    """
    if channel is not None and not recordings:
        raise ConfigError(f"--channel {channel} chooses from recordings, and none is named; name one or leave it out")
    folder = read_folder(path)
    rate = folder.frontend.sample_rate_hz
    references = [_hear(folder, read_audio(recording, rate, channel).pcm) for recording in recordings]
    stored = stored_answers(folder)
    samples = sound_samples(folder) if stored is None else stored.samples
    answers = reference_answers(folder, samples)
    rows = [_compare_stored(stored, answers)]
    machines: list[Board | None] = [None, *one_board_of_each_core()]
    progress = Progress("verify", len(machines))
    with tempfile.TemporaryDirectory(prefix="stapes-verify-") as out:
        for board in machines:
            rows.append(_verify(folder, board, Path(out), Expected(samples, answers, references)))
            progress.advance(rows[-1].machine)
    progress.close(f"{len(machines)} machines")
    columns = COLUMNS if recordings else COLUMNS[:4]
    for line in _table([columns, *((row.machine, *row.cells[: len(columns) - 1]) for row in rows)]):
        print(line)
    return 0 if all(row.equal for row in rows) else 1


def _hear(folder: DetectorFolder, pcm: NDArray[np.int16]) -> ReferenceRun:
    output = Detector(folder, LitertEngine(folder)).hear_recording(pcm)
    return ReferenceRun(pcm, output.features, output.scores, output.events)


def _compare_stored(stored: StoredAnswers | None, answers: KnownAnswers) -> MachineAnswers:
    if stored is None:
        return MachineAnswers("stored in the folder", ("none", "none", "-"), True)
    pairs = ((stored.features_crc32, answers.features_crc32), (stored.scores_crc32, answers.scores_crc32))
    return MachineAnswers(
        "stored in the folder", (*(_word(a == b) for a, b in pairs), "-"), all(a == b for a, b in pairs)
    )


def _verify(folder: DetectorFolder, board: Board | None, out: Path, expected: Expected) -> MachineAnswers:
    name = "this machine" if board is None else board.name
    try:
        for tool in [] if board is None else [board.architecture.emulator, f"{board.architecture.tool_prefix}gcc"]:
            find_tool(tool)
    except ToolchainError as error:
        return MachineAnswers(name, (f"not compared: {error}",), True)
    try:
        built = build_where_it_fits(folder, board, out)
        answers, wanted = built.answers(expected.samples), expected.answers
        cells = [
            _word(answers.features_crc32 == wanted.features_crc32),
            _word(answers.scores_crc32 == wanted.scores_crc32),
            _word(answers.events_crc32 == wanted.events_crc32),
        ]
        cells += _compare_recordings(built, expected.references)
    except ToolchainError as error:
        return MachineAnswers(name, (f"FAILED: {error}",), False)
    if board is not None and built.machine != board.name:
        name = f"{board.name} (on {BOARDS[built.machine].machine}: {board.machine} is too small)"
    return MachineAnswers(name, tuple(cells), not any(cell.startswith("DIFFER") for cell in cells))


def _compare_recordings(built: BuiltDetector, references: list[ReferenceRun]) -> list[str]:
    """Return the numbers of equal frames, steps and events in all recordings, or where the first difference is."""
    frames = steps = events = 0
    for reference in references:
        output = built.hear(reference.pcm, count=False)
        features = output.features[: len(reference.features)]  # the runtime has only the frames of whole steps
        if not np.array_equal(features, reference.features):
            return [f"DIFFER from frame {_first(features, reference.features)}", "", ""]
        if not np.array_equal(output.scores, reference.scores):
            return ["equal", f"DIFFER from step {_first(output.scores, reference.scores)}", ""]
        if output.events != reference.events:
            return ["equal", "equal", f"DIFFER: {len(output.events)} reports, {len(reference.events)} expected"]
        frames, steps = frames + len(features), steps + len(output.scores)
        events += sum(event.offset_sample is not None for event in output.events)
    return [f"{frames:,} equal", f"{steps:,} equal", f"{events:,} equal"] if references else []


def _first(left: NDArray[np.int8], right: NDArray[np.int8]) -> int:
    """Return the first row that differs, or the length of the shorter array when none does."""
    n = min(len(left), len(right))
    rows = np.flatnonzero((left[:n] != right[:n]).any(axis=1))
    return int(rows[0]) if len(rows) else n


def _word(equal: bool) -> str:
    return "equal" if equal else "DIFFER"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows if len(row) > i + 1 or i == 0) for i in range(len(rows[0]) - 1)]
    rows_of_cells = (zip(row, [*widths, 0], strict=False) for row in rows)
    return ["  ".join(cell.ljust(width) for cell, width in row).rstrip() for row in rows_of_cells]
