"""`stapes size` for microcontrollers as they are sold: one in full, or all of them in a table."""

import tempfile
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stapes.firmware_sim.device.folder import DetectorFolder, read_folder
from stapes.firmware_sim.errors import ConfigError
from stapes.firmware_sim.machines.boards import BOARDS
from stapes.firmware_sim.machines.parts import Part, all_parts, part_named
from stapes.runtime.device.firmware_cost import FirmwareCost, Verdict, largest_stages, measured_cost
from stapes.runtime.device.part_cost import PartCost, Supply, cheapest, cost_on_part, two_digits
from stapes.runtime.device.part_table import FIGURES, HEADER, cells, on_every_part, suitable

_EXPLAINED = textwrap.fill(f"{FIGURES} Radio, regulators and the rest of a firmware come on top.", width=115)


@dataclass(frozen=True)
class PartSettings:
    """The settings of `stapes size --part`; `mhz` None stands for the cheapest clock that keeps up."""

    part: str
    mhz: float | None
    supply: Supply
    code_in_ram: bool


def size_on_part_command(path: Path, settings: PartSettings) -> int:
    """Print what a detector takes on one part; return 1 when it does not fit or does not keep up, else 0.

    Raises ConfigError for an unknown part, a clock that it cannot have, a core that is not emulated, and a battery
    whose days cannot be told; ToolchainError when a compiler or emulator is missing.
    """
    part = part_named(settings.part)
    board = _board_of(part)
    mhz = None if settings.mhz is None else part.checked_clock(settings.mhz)
    if settings.supply.battery_mah is not None and part.run is None:
        raise ConfigError(
            f"--battery: the days on {part.key} cannot be told, because its run current is not known here; "
            "leave the option out"
        )
    cost = _costs(read_folder(path), [board])[board]
    options = {"code_in_ram": settings.code_in_ram}
    if mhz is None:
        found = cheapest(cost, part, settings.supply, **options)
    else:
        found = cost_on_part(cost, part, mhz, settings.supply, **options)
    print("\n".join(_report(cost, found, settings)))
    if found.fits and found.keeps_up:
        return 0
    print("\n".join(_what_would_do(cost, found, settings)))
    return 1


def size_on_all_parts_command(path: Path, supply: Supply, *, code_in_ram: bool) -> int:
    """Print a table of all parts, each at its cheapest clock that keeps up; return 1 when no part does, else 0.

    Raises ToolchainError when a compiler or emulator is missing.
    """
    parts = all_parts().values()
    costs = _costs(read_folder(path), dict.fromkeys(part.board for part in parts if part.board is not None))
    found = on_every_part(costs, supply, code_in_ram=code_in_ram)
    print("\n".join(_table(found, supply)))
    for part in parts:
        if part.board is None:
            print(f"{part.key:<11}{part.core:<15}not known: no {part.core} is emulated here")
    print(f"\n{_EXPLAINED}\n?: not known; `stapes size {path} --part NAME` says what is missing.")
    return 0 if any(one.fits and one.keeps_up for one in found) else 1


def _board_of(part: Part) -> str:
    if part.board is None:
        raise ConfigError(
            f"{part.key}: no {part.core} is emulated here, so its instructions are not known; name another part"
        )
    return part.board


def _costs(folder: DetectorFolder, boards: Iterable[str]) -> dict[str, FirmwareCost]:
    with tempfile.TemporaryDirectory(prefix="stapes-size-") as out:
        return {name: measured_cost(folder, BOARDS[name], Path(out)) for name in boards}


def _report(cost: FirmwareCost, found: PartCost, settings: PartSettings) -> Iterator[str]:
    part, mhz = found.part, found.mhz
    chosen = "" if settings.mhz is not None else _why_this_clock(found)
    yield f"{part.name}: {part.core} at {mhz:g} MHz{chosen}"
    yield ""
    ram = cost.ram_bytes + (cost.flash_bytes if settings.code_in_ram else 0)
    yield _row("flash", f"{_kib(cost.flash_bytes)} of {_kib(part.flash_bytes)}")
    yield _row(
        "RAM", f"{_kib(ram)} of {_kib(part.ram_bytes)}" + (" with code and constants" if settings.code_in_ram else "")
    )
    yield _row("a hop, mean", f"{found.mean_hop_ms.text('ms')} every {found.hop_ms:g} ms")
    yield _row("busy", f"{found.duty.text('%')} of the time")
    yield _row("worst hop", f"{found.worst_hop_ms.text('ms')}; audio can wait {found.deadline_ms:g} ms")
    yield _row("costliest step", f"{found.worst_step_ms.text('ms')} every {found.step_ms:g} ms")
    yield _row("mean current", _current_text(found, settings.supply))
    if settings.supply.battery_mah is not None:
        yield _row("battery", f"{settings.supply.battery_mah:g} mAh: {found.days.text('days')}")
    if missing := part.unknown(mhz):
        yield _row("not known", ", ".join(missing) + f" at {mhz:g} MHz")
    yield _row("cache", part.cache)
    yield from (_row("source", source) for source in part.sources)
    yield ""
    yield from (f"{'pass' if verdict.fits else 'FAIL'}  {verdict.text}" for verdict in _verdicts(found))
    yield ""
    yield _EXPLAINED


def _why_this_clock(found: PartCost) -> str:
    part = found.part
    if len(part.clocks_mhz) == 1:
        return ""
    if not found.keeps_up:
        return ", its fastest clock"
    currents = (part.run_ma(found.mhz), part.sleep_ma(found.mhz))
    return f", {'the slowest clock that keeps up' if None in currents else 'which needs the least current'}"


def _row(name: str, text: str) -> str:
    return f"{name:<16}{text}"


def _kib(size: int) -> str:
    return f"{size / 1024:,.1f}".removesuffix(".0") + " KiB"


def _current_text(found: PartCost, supply: Supply) -> str:
    run, sleep = found.part.run_ma(found.mhz), found.part.sleep_ma(found.mhz)
    if run is None:
        return "not known"
    terms = [f"{two_digits(run)} running", f"{'unknown' if sleep is None else two_digits(sleep)} asleep"]
    if supply.microphone_ma:
        terms.append(f"{two_digits(supply.microphone_ma)} for the microphone")
    return f"{found.mean_ma.text('mA')} ({', '.join(terms)})"


def _verdicts(found: PartCost) -> list[Verdict]:
    text = (
        f"{'keeps up' if found.keeps_up else 'too slow'} at {found.mhz:g} MHz: busy {found.duty.text('%')} of the time"
    )
    return [*found.memory, Verdict(found.keeps_up, text)]


def _what_would_do(cost: FirmwareCost, found: PartCost, settings: PartSettings) -> Iterator[str]:
    """Yield which clock of this part and which parts with its core would do."""
    part = found.part
    best = cheapest(cost, part, settings.supply, code_in_ram=settings.code_in_ram)
    if found.fits and best.keeps_up:
        yield f"{part.key} keeps up at {best.mhz:g} MHz."
    others = suitable({_board_of(part): cost}, code_in_ram=settings.code_in_ram)
    names = [f"{one.part.key} ({one.mhz:g} MHz)" for one in others if one.part != part]
    if not found.keeps_up and cost.cycles is not None:
        yield f"The most cycles per hop are in {largest_stages(cost.cycles)}."
    yield f"Parts with this core that would do: {', '.join(names) or 'none'}."


def _table(rows: Sequence[PartCost], supply: Supply) -> list[str]:
    battery = supply.battery_mah is not None
    lines = [(*HEADER, *(["days"] if battery else []), "")]
    lines += [(*cells(row), *([row.days.text()] if battery else []), _refusal(row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def _refusal(row: PartCost) -> str:
    """Return why a part will not do, or nothing."""
    short = [verdict.text.split()[0] for verdict in row.memory if not verdict.fits]
    reasons = ([f"too little {' and '.join(short)}"] if short else []) + ([] if row.keeps_up else ["too slow"])
    return ", ".join(reasons)
