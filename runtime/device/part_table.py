"""A detector on many microcontrollers as rows of a table, for the terminal, an exported README and the report."""

from collections.abc import Mapping, Sequence

from stapes.firmware_sim.machines.parts import all_parts
from stapes.runtime.device.firmware_cost import FirmwareCost
from stapes.runtime.device.part_cost import PartCost, Supply, cheapest

HEADER = ("part", "core", "MHz", "ms per hop", "worst hop", "busy, %", "mA")
FIGURES = (
    "Times reach from those of a model of the core with memory that never waits to those of a flash without cache. "
    "Currents are typical ones of data sheets, with the core asleep between hops."
)
EXPLANATION = (
    f"Each part has the clock that needs the least current of those that keep up. {FIGURES} Microphone, radio, "
    "regulators and the rest of a firmware come on top. A question mark stands for what is not known."
)


def cells(found: PartCost) -> tuple[str, ...]:
    """Return one row of the table."""
    times = (found.mean_hop_ms, found.worst_hop_ms, found.duty, found.mean_ma)
    return (found.part.key, found.part.core, f"{found.mhz:g}", *(band.text() for band in times))


def on_every_part(
    costs: Mapping[str, FirmwareCost], supply: Supply, *, code_in_ram: bool = False
) -> Sequence[PartCost]:
    """Return the cost on every part whose core was measured. costs: by the name of the board."""
    return [
        cheapest(costs[part.board], part, supply, code_in_ram=code_in_ram)
        for part in all_parts().values()
        if part.board is not None and part.board in costs
    ]


def suitable(costs: Mapping[str, FirmwareCost], *, code_in_ram: bool = False) -> Sequence[PartCost]:
    """Return the cost on every part whose core was measured, which the detector fits, and which keeps up."""
    return [one for one in on_every_part(costs, Supply(), code_in_ram=code_in_ram) if one.fits and one.keeps_up]
