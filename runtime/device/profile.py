"""Where a detector's instructions and cycles are: by layer and by function, as tables and as a file for speedscope."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stapes.firmware_sim.machines.simulation import STAGES, BuiltDetector, DetectorRun
from stapes.firmware_sim.outputs import write_whole
from stapes.runtime.device.layer_cost import layers_of, moves_and_calls

_SCHEMA = "https://www.speedscope.app/file-format-schema.json"
_FUNCTIONS_SHOWN = 20


@dataclass(frozen=True)
class Share:
    """A layer, a stage or a function, and what it took in a whole run."""

    stack: tuple[str, ...]  # the stage, and the layer of the model; of a function its name alone
    instructions: int
    cycles: int  # 0 for a core whose timing is not known
    macs: int = 0  # multiply-accumulates in the whole run

    @property
    def weight(self) -> int:
        """Return the cycles, or the instructions where cycles are not known."""
        return self.cycles or self.instructions


@dataclass(frozen=True)
class Profile:
    """The run of a detector on one board, counted by stage and layer, and by function."""

    board: str
    layers: tuple[Share, ...]  # all stages, the model's layer by layer; together the whole work
    functions: tuple[Share, ...]  # without what only the emulation needs; the largest first


def profile_of(built: BuiltDetector, result: DetectorRun) -> Profile:
    """Return the profile of a run in which functions and `layer_regions` were counted."""
    assert built.firmware is not None
    assert result.run is not None
    instructions, cycles = result.stage_counts("instructions"), result.stage_counts("cycles")
    others = [Share((name,), sum(instructions[name]), sum(cycles[name])) for name in STAGES if name != "model"]
    kernels = layers_of(built, result)
    layers = [
        Share(
            ("model", f"{row.name} ({row.kernel})" if row.kernel else row.name),
            round(row.instructions * result.steps),
            round(row.cycles * result.steps),
            row.macs * result.steps,
        )
        for row in (*kernels, moves_and_calls(kernels, result))
    ]
    emulation = {symbol.name for symbol in built.firmware.symbols if symbol.section == "board_text"}
    functions = [
        Share((name,), one.instructions, one.cycles)
        for name, one in result.run.functions.items()
        if name not in emulation
    ]
    functions.sort(key=lambda one: -one.weight)
    return Profile(built.machine, (*others, *layers), tuple(functions))


def profile_table(profile: Profile) -> Iterator[str]:
    """Yield the lines of two tables: by layer, and by function. Their figures are those of the whole run."""
    for title, rows in (("layer", profile.layers), ("function", profile.functions[:_FUNCTIONS_SHOWN])):
        whole = max(1, sum(row.weight for row in (profile.layers if title == "layer" else profile.functions)))
        yield f"  {title:<40}{'instructions':>16}{'cycles':>16}{'cycles/MAC':>12}{'share':>8}"
        for row in sorted(rows, key=lambda row: -row.weight):
            cycles = f"{row.cycles:,}" if row.cycles else "–"
            per_mac = f"{row.cycles / row.macs:.2f}" if row.macs and row.cycles else ""
            name = ": ".join(row.stack)
            yield f"    {name:<38}{row.instructions:>16,}{cycles:>16}{per_mac:>12}{row.weight / whole:>8.1%}"
    if len(profile.functions) > _FUNCTIONS_SHOWN:
        yield f"    and {len(profile.functions) - _FUNCTIONS_SHOWN} smaller ones, which are in the file"


def write_speedscope(path: Path, profiles: Sequence[Profile]) -> None:
    """Write the profiles of all boards in speedscope's file format. Raises OutputError when that fails."""
    names: dict[str, int] = {}
    rows = [
        _sampled(f"{profile.board}: {title}", shares, names)
        for profile in profiles
        for title, shares in (("stages and layers", profile.layers), ("functions", profile.functions))
    ]
    frames = [{"name": name} for name in names]
    write_whole(path, json.dumps({"$schema": _SCHEMA, "shared": {"frames": frames}, "profiles": rows}))


def _sampled(name: str, shares: Sequence[Share], names: dict[str, int]) -> dict[str, Any]:
    """Return a profile whose samples are stacks, weighted by cycles; `names` gets the number of each frame."""
    samples = [[names.setdefault(frame, len(names)) for frame in share.stack] for share in shares]
    weights = [share.weight for share in shares]
    return {
        "type": "sampled",
        "name": f"{name}, {'cycles' if any(share.cycles for share in shares) else 'instructions'}",
        "unit": "none",
        "startValue": 0,
        "endValue": sum(weights),
        "samples": samples,
        "weights": weights,
    }
