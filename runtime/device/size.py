"""What a detector needs on a board, before any board exists: per layer of the model and per part."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from stapes.firmware_sim.device.folder import read_folder
from stapes.firmware_sim.device.known_answers import sound_samples
from stapes.firmware_sim.device.selftest import selftest_pcm
from stapes.firmware_sim.machines.boards import boards_named
from stapes.firmware_sim.machines.simulation import DetectorRun, build_where_it_fits
from stapes.runtime.device.firmware_cost import Budget, FirmwareCost, about_cycles, cost_of, verdicts
from stapes.runtime.device.layer_cost import LayerCost, layer_regions, layers_of, moves_and_calls


def size_command(path: Path, board_names: tuple[str, ...], budget: Budget) -> int:
    """Print one report per board; return 1 when the budget is not met, else 0.

    Raises ConfigError for an unknown board and ToolchainError when a compiler or emulator is missing.
    """
    folder = read_folder(path)
    pcm = selftest_pcm(sound_samples(folder))
    fits = True
    with tempfile.TemporaryDirectory(prefix="stapes-size-") as out:
        for board in boards_named(board_names):
            built = build_where_it_fits(folder, board, Path(out))
            assert built.firmware is not None
            result = built.hear(pcm, regions=layer_regions(built))
            cost = cost_of(built, result)
            found = verdicts(cost, budget)
            fits &= all(verdict.fits for verdict in found)
            print(f"{built.machine} ({built.firmware.board.core}, {built.firmware.board.machine})\n")
            print("\n".join(_report(layers_of(built, result), result, cost)))
            print("".join(f"{'pass' if verdict.fits else 'FAIL'}  {verdict.text}\n" for verdict in found))
    return 0 if fits else 1


def _report(layers: Sequence[LayerCost], result: DetectorRun, cost: FirmwareCost) -> list[str]:
    assert result.run is not None
    lines = [f"{'layer':<28}{'kernel':<16}{'flash':>8}{'instructions':>14}{'cycles':>12}  per step"]
    lines += [
        f"{row.name:<28}{row.kernel:<16}{row.flash_bytes:>8,}{row.instructions:>14,.0f}{_cycles(row.cycles)}"
        for row in layers
    ]
    rest = moves_and_calls(layers, result)
    lines.append(f"{rest.name:<44}{'':>8}{rest.instructions:>14,.0f}{_cycles(rest.cycles)}")
    frame = [
        sum(result.stage_counts(count)["frontend"]) / max(1, result.frames) for count in ("instructions", "cycles")
    ]
    lines.append(f"{'frontend, one frame':<44}{'':>8}{frame[0]:>14,.0f}{_cycles(frame[1])}")
    for title, parts, total in (("flash", cost.flash, cost.flash_bytes), ("RAM", cost.ram, cost.ram_bytes)):
        lines += ["", f"{title:<28}{'bytes':>8}"]
        lines += [f"{part:<28}{size:>8,}" for part, size in sorted(parts.items(), key=lambda item: -item[1])]
        lines.append(f"{'all':<28}{total:>8,}")
    lines += ["", f"{cost.per_second / 1e6:.2f} million instructions per second of audio"]
    if cost.cycles is not None:
        lines.append(f"{cost.cycles.per_second / 1e6:.2f} million cycles per second of audio")
    return [*lines, about_cycles(cost.cycles)]


def _cycles(cycles: float) -> str:
    return f"{cycles:>12,.0f}" if cycles > 0 else f"{'–':>12}"
