"""Run a recording on emulated boards: print its events as they leave the UART, then what the run needed."""

import json
import logging
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.events import Event
from stapes.firmware_sim.device.folder import read_folder
from stapes.firmware_sim.errors import ConfigError
from stapes.firmware_sim.machines.boards import BOARDS, Board, boards_named
from stapes.firmware_sim.machines.simulation import BuiltDetector, DetectorRun, build_where_it_fits
from stapes.firmware_sim.outputs import require_new_file
from stapes.runtime.audio import read_audio
from stapes.runtime.device.firmware_cost import Budget, FirmwareCost, Verdict, Work, about_cycles, cost_of, verdicts
from stapes.runtime.device.layer_cost import layer_regions
from stapes.runtime.device.profile import Profile, profile_of, profile_table, write_speedscope

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SimulateSettings:
    """The settings of `stapes simulate`."""

    detector: Path
    recording: Path
    boards: tuple[str, ...]
    paced: bool
    as_json: bool
    budget: Budget
    profile: Path | None = None  # where the profile is written; None: none is made
    force: bool = False  # replace an existing `profile`
    channel: int | None = None  # of the recording, counted from 1; None: the mean of all channels


@dataclass(frozen=True)
class Simulated:
    """The runs of the recording on one board, their cost and the verdicts."""

    board: Board
    free: DetectorRun  # the run in which audio waits for the board; its instructions are counted
    paced: DetectorRun | None
    cost: FirmwareCost
    verdicts: list[Verdict]
    profile: Profile | None

    @property
    def overruns(self) -> int:
        """The number of gaps that arose because the board was too slow."""
        return (self.paced or self.free).overruns


def simulate_command(settings: SimulateSettings) -> int:
    """Run the recording on every board and print the results.

    Return 1 when a budget is not met or boards differ in their events, else 0. Raises ConfigError for an unknown board
    or a missing speed, AudioError for an unreadable recording, ToolchainError when a compiler or emulator is missing,
    OutputError when the profile exists and `force` is not set, or cannot be written.
    """
    folder, boards = read_folder(settings.detector), boards_named(settings.boards)
    if settings.paced and settings.budget.pace is None:
        raise ConfigError("--paced needs the speed of the core: add --mhz, and --cpi for the cycles per instruction")
    if settings.profile is not None:
        require_new_file(settings.profile, settings.force)
    pcm = read_audio(settings.recording, folder.frontend.sample_rate_hz, settings.channel).pcm
    first: list[Event] | None = None
    profiles: list[Profile] = []
    good = True
    with tempfile.TemporaryDirectory(prefix="stapes-simulate-") as out:
        for board in boards:
            built = build_where_it_fits(folder, board, Path(out))
            if built.machine != board.name:
                logger.info(
                    f"{board.name}: {board.machine} is too small, so its code runs on {BOARDS[built.machine].machine}"
                )
            seen = _simulate(built, pcm, settings, _print_event if first is None else None)
            if first is None:
                first = seen.free.events
            else:
                same = seen.free.events == first
                text = f"{'the same events as' if same else 'OTHER events than'} {boards[0].name}"
                seen.verdicts.append(Verdict(same, text))
            good &= all(verdict.fits for verdict in seen.verdicts)
            print(_as_json(seen) if settings.as_json else _as_text(seen))
            if seen.profile is not None:
                profiles.append(seen.profile)
    if settings.profile is not None:
        write_speedscope(settings.profile, profiles)
        logger.info(f"{settings.profile} can be opened in speedscope")
    return 0 if good else 1


def _simulate(
    built: BuiltDetector, pcm: NDArray[np.int16], settings: SimulateSettings, on_line: Callable[[str], object] | None
) -> Simulated:
    assert built.board is not None
    profiled = settings.profile is not None
    free = built.hear(
        pcm,
        on_line=None if settings.paced else on_line,
        profile=profiled,
        regions=layer_regions(built) if profiled else None,
    )
    paced = built.hear(pcm, pace=settings.budget.pace, on_line=on_line) if settings.paced else None
    cost = cost_of(built, free)
    found = verdicts(cost, settings.budget)
    if found and free.steps == 0:
        found = [Verdict(False, "the recording is shorter than a step, so speed and stack were not measured")]
    if paced is not None:
        found.append(_keeping_up(free, paced))
    return Simulated(built.board, free, paced, cost, found, profile_of(built, free) if profiled else None)


def _print_event(line: str) -> None:
    if not line.startswith('{"summary"'):
        print(line, flush=True)


def _keeping_up(free: DetectorRun, paced: DetectorRun) -> Verdict:
    if paced.overruns:
        return Verdict(False, f"paced: {paced.overruns} overruns, {paced.samples_lost:,} samples lost")
    same = paced.events == free.events
    return Verdict(
        same, f"paced: kept up, no sample lost{'' if same else '; but the events are OTHER than with unlimited time'}"
    )


def _as_json(seen: Simulated) -> str:
    board, cost = seen.board, seen.cost
    record = {"board": board.name, "core": board.core, "machine": board.machine, "frames": seen.free.frames}
    counted = asdict(cost)
    record |= {
        "cycles": counted.pop("cycles"),
        "instructions": counted,
        "flash_bytes": cost.flash_bytes,
        "ram_bytes": cost.ram_bytes,
    }
    record |= {"overruns": seen.overruns, "verdicts": [asdict(verdict) for verdict in seen.verdicts]}
    return json.dumps(record)


def _as_text(seen: Simulated) -> str:
    board, cost, frames = seen.board, seen.cost, seen.free.frames
    audio = f"{frames * cost.hop_s:.1f} s of audio and tail, {frames} hops"
    lines = [f"\n{board.name} ({board.core}, {board.machine}): {audio}"]
    lines += _work_table("instructions", cost)
    if cost.cycles is not None:
        lines += _work_table("cycles", cost.cycles)
    lines.append(f"  {about_cycles(cost.cycles)}")
    lines.append(f"  flash {cost.flash_bytes:,} bytes: {_items(cost.flash)}")
    lines.append(f"  RAM {cost.ram_bytes:,} bytes: {_items(cost.ram)}")
    lines.append(f"  overruns: {seen.overruns}")
    lines += profile_table(seen.profile) if seen.profile is not None else ()
    lines += [f"  {'pass' if verdict.fits else 'FAIL'}  {verdict.text}" for verdict in seen.verdicts]
    return "\n".join(lines)


def _work_table(unit: str, work: Work) -> list[str]:
    lines = [f"  {f'{unit} per hop':<22}{'mean':>10}{'worst':>10}"]
    lines += [f"    {row.name:<20}{row.mean_per_hop:>10,.0f}{row.worst:>10,}" for row in work.stages]
    lines.append(f"    {'all':<20}{work.mean_per_hop:>10,.0f}{work.worst_hop:>10,}")
    return [*lines, f"  {unit} per second of audio: {work.per_second / 1e6:.2f} million"]


def _items(parts: dict[str, int]) -> str:
    return ", ".join(f"{part} {size:,}" for part, size in sorted(parts.items(), key=lambda item: -item[1]))
