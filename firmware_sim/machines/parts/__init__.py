"""Microcontrollers as they are sold: core, clocks, memories, and the currents that their data sheets give.

The figures and their sources stand in parts.toml, which `all_parts` reads. To add a part, add it there. What a detector
takes on a part is computed in runtime/device/part_cost.py.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from stapes.firmware_sim.errors import ConfigError

_TABLE = Path(__file__).parent / "parts.toml"


@dataclass(frozen=True)
class Current:
    """A supply current by clock: points (MHz, mA) with straight lines between them, or one figure per MHz."""

    points: tuple[tuple[float, float], ...] = ()
    ua_per_mhz: float | None = None

    def ma(self, mhz: float) -> float | None:
        """Return the current at a clock in mA; None outside of the points, where the data sheet says nothing."""
        if self.ua_per_mhz is not None:
            return self.ua_per_mhz * mhz / 1000
        for (mhz0, ma0), (mhz1, ma1) in zip(self.points, self.points[1:] or self.points, strict=False):
            if mhz0 <= mhz <= mhz1:
                return ma0 if mhz == mhz0 else ma0 + (ma1 - ma0) * (mhz - mhz0) / (mhz1 - mhz0)
        return None


@dataclass(frozen=True, kw_only=True)
class Part:
    """One microcontroller. Currents are typical ones at 25 °C and 3 to 3.3 V; an unknown figure is None."""

    key: str  # its name on the command line
    name: str
    core: str
    board: str | None  # the emulated board whose core it has; None where no core here is close enough
    flash_bytes: int
    external_flash: bool  # a chip beside the part
    ram_bytes: int
    clocks_mhz: tuple[float, ...]  # in ascending order
    fixed_clocks: bool  # whether it has no other clocks
    waits: tuple[tuple[float, int], ...]  # up to this clock in MHz, further cycles of a read of the flash
    line_bytes: int  # brought by one read of the flash
    cache: str
    run: Current | None
    sleep: Current | None  # core stopped, clock running for the microphone's interface and its DMA
    sources: tuple[str, ...]

    def checked_clock(self, mhz: float) -> float:
        """Return a clock that this part can have. Raises ConfigError for one that it cannot."""
        if self.fixed_clocks and mhz not in self.clocks_mhz:
            raise ConfigError(f"--mhz {mhz:g}: the clock of {self.key} is {_either(self.clocks_mhz)} MHz")
        if not 0 < mhz <= self.clocks_mhz[-1]:
            raise ConfigError(f"--mhz {mhz:g}: {self.key} has at most {self.clocks_mhz[-1]:g} MHz")
        return mhz

    def wait_states(self, mhz: float) -> int | None:
        """Return the further cycles of a read of the flash at a clock in MHz, or None when they are not known."""
        return next((cycles for up_to, cycles in self.waits if mhz <= up_to), None)

    def run_ma(self, mhz: float) -> float | None:
        """Return the current of the running core in mA, or None when it is not known at this clock."""
        return None if self.run is None else self.run.ma(mhz)

    def sleep_ma(self, mhz: float) -> float | None:
        """Return the current while the core sleeps in mA, or None when it is not known at this clock."""
        return None if self.sleep is None else self.sleep.ma(mhz)

    def unknown(self, mhz: float) -> tuple[str, ...]:
        """Return the names of the figures that are not known at a clock in MHz."""
        figures = {
            "wait states of the flash": self.wait_states(mhz),
            "run current": self.run_ma(mhz),
            "sleep current": self.sleep_ma(mhz),
        }
        return tuple(name for name, value in figures.items() if value is None)


def _either(values: tuple[float, ...]) -> str:
    return " or ".join(f"{value:g}" for value in values)


@cache
def all_parts() -> Mapping[str, Part]:
    """Return all parts by their names on the command line, in the order of the table."""
    return {key: _part(key, row) for key, row in _rows().items() if key != "microphones"}


def part_named(name: str) -> Part:
    """Return a part by its name, in capitals or not. Raises ConfigError with the nearest names."""
    parts = all_parts()
    if name.lower() in parts:
        return parts[name.lower()]
    near = get_close_matches(name.lower(), parts, n=3, cutoff=0.5)
    raise ConfigError(
        f"no part is named {name!r}; {'the nearest are' if near else 'choose'} {', '.join(near or parts)}"
    )


def microphones() -> Mapping[str, float]:
    """Return the supply current in mA of microphones by name."""
    return {name: row["ma"] for name, row in _rows()["microphones"].items()}


def _rows() -> dict[str, Any]:
    return tomllib.loads(_TABLE.read_text(encoding="utf-8"))


def _part(key: str, row: dict[str, Any]) -> Part:
    return Part(
        key=key,
        name=row["name"],
        core=row["core"],
        board=row.get("board"),
        flash_bytes=row["flash_kib"] << 10,
        external_flash=row.get("external_flash", False),
        ram_bytes=row["ram_kib"] << 10,
        clocks_mhz=tuple(row["clocks_mhz"]),
        fixed_clocks=row.get("fixed_clocks", False),
        waits=tuple((up_to, cycles) for up_to, cycles in row.get("wait_states", ())),
        line_bytes=row.get("line_bytes", 4),
        cache=row["cache"],
        run=_current(row, "run"),
        sleep=_current(row, "sleep"),
        sources=tuple(row["sources"]),
    )


def _current(row: dict[str, Any], state: str) -> Current | None:
    points, per_mhz = row.get(f"{state}_ma"), row.get(f"{state}_ua_per_mhz")
    if points is None and per_mhz is None:
        return None
    return Current(tuple((mhz, ma) for mhz, ma in points or ()), per_mhz)
