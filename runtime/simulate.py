"""A recording on emulated boards: events as they leave the UART, then what it cost and whether that fits."""

import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from stapes.firmware_sim.boards import BOARDS, Board
from stapes.firmware_sim.errors import ConfigError
from stapes.firmware_sim.events import Event
from stapes.firmware_sim.folder import read_folder
from stapes.firmware_sim.simulation import BuiltDetector, Heard
from stapes.runtime.audio import read_audio
from stapes.runtime.console import note
from stapes.runtime.firmware_cost import Budget, Cost, Verdict, cost_of, verdicts
from stapes.runtime.verify import LARGE_INSTEAD, build_where_it_fits


@dataclass(frozen=True)
class SimulateSettings:
    """What `stapes simulate` was asked for."""

    detector: Path
    recording: Path
    boards: tuple[str, ...]
    paced: bool
    as_json: bool
    budget: Budget


def board_named(name: str) -> Board:
    """A board by its name, or by the last part of it (m4, m0-large). Raises ConfigError."""
    for wanted in (name, f"cortex-{name}"):
        if wanted in BOARDS:
            return BOARDS[wanted]
    raise ConfigError(f"no board is named {name!r}; choose {', '.join(BOARDS)} or all")


def boards_named(names: tuple[str, ...]) -> list[Board]:
    """Boards by name; `all` stands for one of each core."""
    if names == ("all",):
        return [board for board in BOARDS.values() if board.name not in LARGE_INSTEAD.values()]
    return [board_named(name) for name in names]


def simulate_command(settings: SimulateSettings) -> int:
    """Run every board and print; return 1 when a budget is not met or boards differ in what they hear."""
    folder, boards = read_folder(settings.detector), boards_named(settings.boards)
    if settings.paced and settings.budget.pace is None:
        raise ConfigError("--paced needs the speed of the core: add --mhz, and --cpi for cycles an instruction")
    pcm = read_audio(settings.recording, folder.frontend.sample_rate_hz).pcm
    first: list[Event] | None = None
    good = True
    with tempfile.TemporaryDirectory(prefix="stapes-simulate-") as out:
        for board in boards:
            built = build_where_it_fits(folder, board, Path(out))
            if built.machine != board.name:
                note(f"{board.name}: {board.machine} is too small, so its code runs on {BOARDS[built.machine].machine}")
            show_line = _print_event if first is None else None
            heard = built.hear(pcm, on_line=None if settings.paced else show_line)
            cost = cost_of(built, heard)
            paced = built.hear(pcm, pace=settings.budget.pace, on_line=show_line) if settings.paced else None
            found = [*verdicts(cost, settings.budget), *_keeping_up(paced)]
            if first is None:
                first = heard.events
            else:
                same = heard.events == first
                found.append(Verdict(same, f"{'the same events as' if same else 'OTHER events than'} {boards[0].name}"))
            good &= all(verdict.fits for verdict in found)
            show = _as_json if settings.as_json else _as_text
            print(show(built, heard, cost, found))
    return 0 if good else 1


def _print_event(line: str) -> None:
    if not line.startswith('{"summary"'):
        print(line, flush=True)


def _keeping_up(paced: Heard | None) -> list[Verdict]:
    if paced is None:
        return []
    if paced.overruns == 0:
        return [Verdict(True, "paced: kept up, no sample lost")]
    return [Verdict(False, f"paced: {paced.overruns} overruns, {paced.samples_lost:,} samples lost")]


def _as_json(built: BuiltDetector, heard: Heard, cost: Cost, found: list[Verdict]) -> str:
    board = built.board
    assert board is not None
    record = {"board": board.name, "core": board.core, "machine": board.machine, "frames": heard.frames}
    record |= {"instructions": asdict(cost), "flash_bytes": cost.flash_bytes, "ram_bytes": cost.ram_bytes}
    record |= {"overruns": heard.overruns, "verdicts": [asdict(verdict) for verdict in found]}
    return json.dumps(record)


def _as_text(built: BuiltDetector, heard: Heard, cost: Cost, found: list[Verdict]) -> str:
    board = built.board
    assert board is not None
    seconds = heard.frames * cost.hop_s
    lines = [f"\n{board.name} ({board.core}, {board.machine}): {seconds:.1f} s of audio, {heard.frames} hops"]
    lines.append(f"  {'instructions per hop':<22}{'mean':>10}{'worst':>10}")
    lines += [f"    {row.name:<20}{row.mean_per_hop:>10,.0f}{row.worst:>10,}" for row in cost.stages]
    lines.append(f"    {'all':<20}{cost.mean_per_hop:>10,.0f}{cost.worst_hop:>10,}")
    lines.append(f"  instructions per second of audio: {cost.per_second / 1e6:.2f} million (not cycles)")
    lines.append(f"  flash {cost.flash_bytes:,} bytes: {_items(cost.flash)}")
    lines.append(f"  RAM {cost.ram_bytes:,} bytes: {_items(cost.ram)}")
    lines.append(f"  overruns: {heard.overruns}")
    lines += [f"  {'pass' if verdict.fits else 'FAIL'}  {verdict.text}" for verdict in found]
    return "\n".join(lines)


def _items(parts: dict[str, int]) -> str:
    return ", ".join(f"{part} {size:,}" for part, size in sorted(parts.items(), key=lambda item: -item[1]))
