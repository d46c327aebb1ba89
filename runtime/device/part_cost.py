"""What a detector takes on a microcontroller that is sold: time, current, days on a battery, and whether it fits.

Sources of the formulas: the mean current of a duty cycle is I = d · I_run + (1 − d) · I_sleep (for example ST's AN4746,
Nordic's online power profiler), and a battery lasts its charge divided by I. Self-discharge, voltage regulators, radio
and the rest of the firmware come on top.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stapes.firmware_sim.errors import ConfigError
from stapes.firmware_sim.machines.detector_c import HOPS_HELD
from stapes.firmware_sim.machines.parts import Part, microphones
from stapes.runtime.device.firmware_cost import Budget, FirmwareCost, Verdict, Work, memory_verdicts

_FETCH_BYTES = 4  # of the words that CycleCount.fetches counts


@dataclass(frozen=True)
class Band:
    """A figure that lies between two bounds; None for a bound that is not known."""

    low: float | None
    high: float | None

    def times(self, factor: float) -> "Band":
        """Return the band of a positive multiple."""
        return Band(*(None if end is None else end * factor for end in (self.low, self.high)))

    @property
    def surest(self) -> float:
        """Return the upper bound, or the lower one where only that is known."""
        return self.high if self.high is not None else self.low or 0.0

    def text(self, unit: str = "") -> str:
        """Return the band with two significant digits and its unit, as far as it is known."""
        unit = f" {unit}" if unit else ""
        low, high = (None if end is None else two_digits(end) for end in (self.low, self.high))
        if low is None and high is None:
            return "?"
        if low is None or high is None:
            return f"at least {low}{unit}" if high is None else f"at most {high}{unit}"
        return f"{low}{unit}" if low == high else f"{low} to {high}{unit}"


def two_digits(value: float) -> str:
    """Return a number with two significant digits, never with an exponent."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.1e}")
    return f"{rounded:,.{max(0, 1 - math.floor(math.log10(abs(rounded))))}f}"


@dataclass(frozen=True)
class Supply:
    """What a detector is fed from, and what is fed beside it."""

    battery_mah: float | None = None
    microphone_ma: float = 0.0


@dataclass(frozen=True)
class PartCost:
    """What a detector takes on a part at one clock. Times are in ms."""

    part: Part
    mhz: float
    hop_ms: float  # how often a hop arrives
    step_ms: float  # how often a step ends
    mean_hop_ms: Band  # the work of a hop
    worst_hop_ms: Band
    worst_step_ms: Band  # the work of all hops of the costliest step
    mean_ma: Band  # the microphone included
    days: Band  # on the battery
    memory: tuple[Verdict, ...]

    @property
    def duty(self) -> Band:
        """Return the share of the time in which the core computes, in percent."""
        return self.mean_hop_ms.times(100 / self.hop_ms)

    @property
    def deadline_ms(self) -> float:
        """Return how long the work of one hop may take before audio is lost."""
        return HOPS_HELD * self.hop_ms

    @property
    def fits(self) -> bool:
        """Return whether flash and RAM are large enough."""
        return all(verdict.fits for verdict in self.memory)

    @property
    def keeps_up(self) -> bool:
        """Return whether no audio is lost even where every bound is at its worst, as far as bounds are known."""
        return (
            self.mean_hop_ms.surest <= self.hop_ms
            and self.worst_hop_ms.surest <= self.deadline_ms
            and self.worst_step_ms.surest <= self.step_ms
        )


def cost_on_part(cost: FirmwareCost, part: Part, mhz: float, supply: Supply, *, code_in_ram: bool = False) -> PartCost:
    """Return the cost on a part. cost: measured on an emulated board with the core of this part.

    mhz: a clock that `Part.checked_clock` has returned. code_in_ram: code and constants are copied to RAM, which
    must have room for them, and never wait for the flash.
    """

    def time_of(amount: Callable[[Work], float]) -> Band:
        return milliseconds(cost, amount, part, mhz, code_in_ram=code_in_ram)

    mean = time_of(lambda work: work.mean_per_hop)
    hop_ms = 1000 * cost.hop_s
    current = _mean_current(mean.times(1 / hop_ms), part, mhz, supply.microphone_ma)
    return PartCost(
        part=part,
        mhz=mhz,
        hop_ms=hop_ms,
        step_ms=hop_ms * cost.frames_per_step,
        mean_hop_ms=mean,
        worst_hop_ms=time_of(lambda work: work.worst_hop),
        worst_step_ms=time_of(lambda work: work.worst_step),
        mean_ma=current,
        days=_days(supply.battery_mah, current),
        memory=tuple(memory_verdicts(cost, Budget(part.flash_bytes, part.ram_bytes), code_in_ram=code_in_ram)),
    )


def milliseconds(
    cost: FirmwareCost, amount: Callable[[Work], float], part: Part, mhz: float, *, code_in_ram: bool = False
) -> Band:
    """Return how long an amount of the detector's work takes on a part, in ms.

    amount: which figure of the work, such as that of the worst hop.

    The lower bound is the time of the core with memory that never lets it wait: everything hits the cache, or lies in
    RAM. The upper bound is that of a flash without cache or prefetch. There, each line of `Part.line_bytes` that is
    fetched, each taken branch, which begins a line anew, and each read of a constant takes the wait states of the
    clock. The worst hop may not have the most of each; the bound takes the most of each. It is not known where the
    wait states are not, such as those of a flash beside the part.
    """
    cycles = cost.cycles
    assert cycles is not None  # the board of every part has a core whose timing is known
    low = amount(cycles) / (1000 * mhz)
    waits = part.wait_states(mhz)
    if code_in_ram or waits == 0:
        return Band(low, low)
    if waits is None:
        return Band(low, None)
    lines = amount(cycles.fetches) * _FETCH_BYTES / part.line_bytes
    reads = lines + amount(cycles.taken_branches) + amount(cycles.flash_reads)
    return Band(low, low + waits * reads / (1000 * mhz))


def _mean_current(duty: Band, part: Part, mhz: float, microphone_ma: float) -> Band:
    """Return the mean supply current in mA. A sleep current that is not known is at least 0."""
    run, sleep = part.run_ma(mhz), part.sleep_ma(mhz)
    if run is None:
        return Band(None, None)

    def mean(share: float | None, asleep_ma: float | None) -> float | None:
        if share is None or asleep_ma is None:
            return None
        share = min(share, 1.0)
        return share * run + (1 - share) * asleep_ma + microphone_ma

    return Band(mean(duty.low, sleep or 0.0), mean(duty.high, sleep))


def _days(battery_mah: float | None, current: Band) -> Band:
    if battery_mah is None:
        return Band(None, None)
    return Band(*(None if ma is None else battery_mah / ma / 24 for ma in (current.high, current.low)))


def cheapest(cost: FirmwareCost, part: Part, supply: Supply, *, code_in_ram: bool = False) -> PartCost:
    """Return the cost at the clock that needs the least current of those that keep up.

    Where currents are not known at any of these clocks, it is the slowest of them; where no clock keeps up, it is the
    fastest.
    """
    all_clocks = [cost_on_part(cost, part, mhz, supply, code_in_ram=code_in_ram) for mhz in part.clocks_mhz]
    quick = [found for found in all_clocks if found.keeps_up]
    known = [found for found in quick if part.sleep_ma(found.mhz) is not None and part.run_ma(found.mhz) is not None]
    if known:
        return min(known, key=lambda found: found.mean_ma.surest)
    return quick[0] if quick else all_clocks[-1]


def parse_battery_mah(text: str) -> float:
    """Return the charge that a text such as 230mAh or 2.5Ah means, in mAh. Raises ConfigError for other texts."""
    return _quantity(text, {"mah": 1.0, "ah": 1000.0}, f"--battery {text}: need a charge with its unit, such as 230mAh")


def parse_microphone_ma(text: str) -> float:
    """Return the current of a microphone, by its name or as a text such as 0.6mA or 600uA, in mA.

    Raises ConfigError for other texts.
    """
    known = microphones()
    if text.lower() in known:
        return known[text.lower()]
    message = f"--microphone {text}: need a current with its unit, such as 0.6mA, or one of {', '.join(known)}"
    return _quantity(text, {"ma": 1.0, "ua": 0.001, "µa": 0.001, "μa": 0.001}, message)


def _quantity(text: str, units: Mapping[str, float], message: str) -> float:
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?(\D+)", text.strip())
    if found is None or found[2].lower() not in units or float(found[1]) == 0:
        raise ConfigError(message)
    return float(found[1]) * units[found[2].lower()]
