"""A budget of false alarms is a promise: how many alarms in how many hours show that it is kept.

Alarms are taken as a Poisson process. The upper limit of its rate is the exact one-sided limit of F. Garwood,
"Fiducial limits for the Poisson distribution", Biometrika 28, 1936.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scipy.optimize import brentq
from scipy.stats import chi2

CONFIDENCE = 0.9  # that the true rate is below its upper limit


@dataclass(frozen=True)
class AlarmRate:
    """The false alarms of one class that touch no annotated event of it, in hours without events of the class."""

    alarms: float  # a whole number where they were counted, any where they are expected
    hours: float

    @property
    def per_hour(self) -> float:
        """The estimate; nan without hours."""
        return self.alarms / self.hours if self.hours > 0 else float("nan")

    @property
    def at_most(self) -> float:
        """The upper limit of the true rate per hour, at the confidence of 90 %; inf without hours."""
        return float(chi2.ppf(CONFIDENCE, 2 * (self.alarms + 1))) / 2 / self.hours if self.hours > 0 else float("inf")

    def __str__(self) -> str:
        """Return for example `3.1 (at most 7.9)`, each rate with the digits of `rate_text`; a dash without hours."""
        return f"{rate_text(self.per_hour)} (at most {rate_text(self.at_most)})" if self.hours > 0 else "-"

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers for JSON."""
        if not self.hours > 0:
            return {"alarms": self.alarms, "hours": 0.0, "per_hour": None, "at_most_per_hour": None}
        return {
            "alarms": self.alarms,
            "hours": self.hours,
            "per_hour": self.per_hour,
            "at_most_per_hour": self.at_most,
        }


def most_alarms(budget: float, hours: float) -> float:
    """Return the most alarms in these hours that show a rate within the budget per hour; -1 if not even none does.

    It is a real number, as expected alarms are.
    """
    allowed = budget * hours
    if chi2.ppf(CONFIDENCE, 2) / 2 > allowed:
        return -1.0
    # The upper limit rises with the alarms and lies above them.
    return float(brentq(lambda alarms: chi2.ppf(CONFIDENCE, 2 * (alarms + 1)) / 2 - allowed, 0.0, allowed))


def hours_needed(budget: float) -> float:
    """Return how many hours without any alarm show a rate within the budget per hour."""
    return AlarmRate(0, 1.0).at_most / budget


def not_shown(budget: float, why: str) -> str:
    """Return the sentence for a budget per hour that is kept as far as is known, and not shown to be kept."""
    return f"{budget:g} false alarms per hour are not shown at {CONFIDENCE:.0%}: {why}"


def too_few_hours(budget: float, hours: float) -> str:
    """Return the sentence for hours that cannot show the budget per hour, even without any alarm; "" if they can."""
    needed = hours_needed(budget)
    if needed <= hours:
        return ""
    there_are = short_text(hours, needed)
    return not_shown(budget, f"{needed_text(needed)} without any alarm are needed; there are {there_are}")


def rate_text(per_hour: float) -> str:
    """Return a rate with one decimal, or with two significant digits below 1: a rate of a few per day is not 0.0."""
    return f"{per_hour:.2g}" if 0 < per_hour < 0.995 else f"{per_hour:.1f}"


def hours_text(hours: float) -> str:
    """Return for example `2.3 hours`, or minutes where there are few."""
    return _in_tenths(hours, round)


def needed_text(hours: float) -> str:
    """Return the same, rounded up: who records so many hours has enough."""
    return _in_tenths(hours, math.ceil)


def short_text(hours: float, needed: float) -> str:
    """Return the same for hours that are fewer than those needed, never rounded up to these."""
    return _in_tenths(hours, math.floor) if needed - hours < 0.1 else hours_text(hours)


def _in_tenths(hours: float, whole: Callable[[float], int]) -> str:
    value, unit = (hours, "hours") if hours >= 0.1 else (60 * hours, "minutes")
    tenths = round(10 * value, 6)  # the product of what was meant as whole tenths may lie beside them
    return f"{whole(tenths) / 10:.1f} {unit}"
