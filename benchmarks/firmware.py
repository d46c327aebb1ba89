"""A whole detector on every board: `make bench-firmware`, after `make demo`.

Frontend, model, events and loop of one detector run over one recording on eight emulated boards. Printed as a Markdown
table and written to results/firmware.csv: exact instructions by stage, flash, RAM, stack; a board that detects other
events than LiteRT's reference kernels ends the benchmark.
"""

import argparse
import logging
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.rows import write_rows
from stapes.firmware_sim.device.events import completed
from stapes.firmware_sim.errors import ModelError, StapesError
from stapes.firmware_sim.machines.boards import BOARDS, Board
from stapes.firmware_sim.machines.simulation import BuiltDetector, DetectorRun, build_detector
from stapes.runtime.audio import read_audio
from stapes.runtime.console import show
from stapes.runtime.detector import Detector
from stapes.runtime.device.firmware_cost import FirmwareCost, cost_of

logger = logging.getLogger("stapes.benchmarks.firmware")

DETECTOR = Path("build/demo/pops.stapes")
RECORDING = Path("build/demo/sounds/val/val_000.flac")


@dataclass(frozen=True)
class BoardCost:
    """Cost of a detector on one board: instructions per hop, and bytes without what only the emulator needs."""

    board: str
    core: str
    frontend_instructions: float
    model_instructions: float
    events_instructions: float
    push_instructions: float
    instructions: float
    worst_hop_instructions: int
    instructions_per_second: float
    flash_bytes: int
    model_flash_bytes: int
    ram_bytes: int
    stack_bytes: int
    events: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every board; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.firmware", description=__doc__)
    parser.add_argument("--detector", type=Path, default=DETECTOR)
    parser.add_argument("--recording", type=Path, default=RECORDING)
    chosen = parser.parse_args(arguments)
    try:
        rows = costs_on_boards(chosen.detector, chosen.recording)
    except StapesError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("\n".join(markdown(rows)))
    write_rows("firmware", [asdict(row) for row in rows])
    return 0


def costs_on_boards(detector: Path, recording: Path, boards: Sequence[str] = tuple(BOARDS)) -> list[BoardCost]:
    """Return the cost on each of these boards.

    Raises ModelError when a board detects other events than the reference.
    """
    reference = Detector.load(detector, engine="litert")
    pcm = read_audio(recording, reference.sample_rate_hz).pcm
    expected = reference.detect(pcm)
    rows = []
    with tempfile.TemporaryDirectory(prefix="stapes-bench-") as scratch:
        for board in map(BOARDS.__getitem__, boards):
            logger.info(f"{detector.name} on {board.name}")
            built = build_detector(reference.folder, board, Path(scratch))
            heard = built.hear(pcm)
            if completed(heard.events) != expected:
                raise ModelError(f"{board.name} detects other events in {recording} than LiteRT's reference kernels")
            rows.append(_row(board, built, heard, cost_of(built, heard)))
    return rows


def _row(board: Board, built: BuiltDetector, heard: DetectorRun, cost: FirmwareCost) -> BoardCost:
    stages = {stage.name: stage.mean_per_hop for stage in cost.stages}
    return BoardCost(
        board=board.name,
        core=board.core,
        frontend_instructions=round(stages["frontend"], 1),
        model_instructions=round(stages["model"], 1),
        events_instructions=round(stages["events"], 1),
        push_instructions=round(stages["push"], 1),
        instructions=round(cost.mean_per_hop, 1),
        worst_hop_instructions=cost.worst_hop,
        instructions_per_second=round(cost.per_second),
        flash_bytes=cost.flash_bytes,
        model_flash_bytes=cost.flash["model"],
        ram_bytes=cost.ram_bytes,
        stack_bytes=cost.ram["stack"],
        events=len(completed(heard.events)),
    )


def markdown(rows: Sequence[BoardCost]) -> list[str]:
    """Return the lines of a Markdown table."""
    lines = ["| core | frontend | model | events | all, per hop | million/s | flash | RAM | stack |"]
    lines.append("|---|---|---|---|---|---|---|---|---|")
    lines += [
        f"| {row.core} | {row.frontend_instructions:,.0f} | {row.model_instructions:,.0f} | "
        f"{row.events_instructions:,.0f} | {row.instructions:,.0f} | {row.instructions_per_second / 1e6:.2f} | "
        f"{row.flash_bytes:,} | {row.ram_bytes:,} | {row.stack_bytes:,} |"
        for row in rows
    ]
    return [*lines, "", "Instructions, not cycles; bytes; RAM holds audio ring and stack; flash holds the weights."]


if __name__ == "__main__":
    show()
    sys.exit(main())
