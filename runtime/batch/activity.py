"""Events per minute of recording, by hour and day, as a table and as a picture."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from stapes.firmware_sim.errors import OutputError, ToolchainError
from stapes.firmware_sim.outputs import new_file

HOUR_S = 3600


@dataclass
class Hour:
    """What was recorded in one hour of the clock."""

    seconds: float  # of recording in this hour
    events: dict[str, int]  # label -> number of events that began in this hour


class Hours:
    """Counts recordings and their events per hour of the clock in `zone`.

    >>> hours = Hours(["owl"], UTC)
    >>> hours.add(datetime(2024, 5, 1, 23, 30, tzinfo=UTC), 3600.0, [(1801.0, "owl")])
    >>> [(row[0], row[2]) for row in hours.rows()][1:]
    [('2024-05-01T23:00+00:00', 0), ('2024-05-02T00:00+00:00', 1)]
    """

    def __init__(self, classes: Sequence[str], zone: tzinfo) -> None:
        self.classes, self.zone = tuple(classes), zone
        # The key is the start of the hour in UTC, because an hour of the local clock can occur twice.
        self.counts: dict[datetime, Hour] = {}

    def add(self, start: datetime, seconds: float, events: Sequence[tuple[float, str]]) -> None:
        """Count a recording that began at `start` (UTC) and its events, given as (onset in seconds, label)."""
        end = start + timedelta(seconds=seconds)
        at = start
        while at < end:
            hour = self._hour_of(at)
            following = min(end, hour + timedelta(seconds=HOUR_S))
            self._at(hour).seconds += (following - at).total_seconds()
            at = following
        for onset, label in events:
            self._at(self._hour_of(start + timedelta(seconds=onset))).events[label] += 1

    def rows(self) -> Iterator[list[object]]:
        """Yield a header, then one row per hour with recordings.

        A row holds the hour in `zone` with its UTC offset, minutes recorded, number of events, events per minute, and
        the number of events of each class.
        """
        yield ["hour", "minutes", "events", "per_minute", *self.classes]
        for hour in sorted(self.counts):
            count = self.counts[hour]
            minutes, events = count.seconds / 60, sum(count.events.values())
            rate = f"{events / minutes:.3f}" if minutes else ""
            local = hour.astimezone(self.zone).isoformat(timespec="minutes")
            yield [local, f"{minutes:.2f}", events, rate, *(count.events[label] for label in self.classes)]

    def _hour_of(self, time: datetime) -> datetime:
        """Return the start of the local hour, in UTC; not a whole hour of UTC in zones such as UTC+5:30."""
        local = time.astimezone(self.zone)
        return time - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)

    def _at(self, hour: datetime) -> Hour:
        return self.counts.setdefault(hour, Hour(0.0, dict.fromkeys(self.classes, 0)))


def require_picture(path: Path) -> None:
    """Check before hours of work that `draw_activity` will be able to draw.

    Raises ToolchainError when matplotlib is not installed, and OutputError when it cannot write this kind of file.
    """
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError:
        raise ToolchainError(
            "--plot needs matplotlib, which is not installed: pip install 'stapes[plot]', or leave out --plot"
        ) from None
    if path.suffix.lower()[1:] not in (known := FigureCanvasBase.get_supported_filetypes()):
        raise OutputError(
            f"{path}: no picture can be written with this suffix; use one of {', '.join(f'.{each}' for each in known)}"
        )


def draw_activity(hours: Hours, path: Path) -> None:
    """Write a picture with one panel per class: days across, hours of the day in `hours.zone` down.

    The colour shows events per minute, on a square-root scale so that few events are visible beside many. Hours without
    recordings are grey. Raises OutputError when the file cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    days, grids = _grids(hours)
    width = min(24, max(7.5, 2.5 + 0.07 * len(days)))
    with rc_context(_STYLE):
        figure = Figure(figsize=(width, 0.9 + max(2.1, width / 8) * len(grids)), layout="constrained")
        figure.suptitle(f"Events per minute, by day and hour ({hours.zone})", x=0.01, ha="left")
        figure.legend(handles=[Patch(label="not recorded", color=_NOTHING)], loc="upper right", frameon=False)
        panels = figure.subplots(len(grids), 1, squeeze=False, sharex=True)[:, 0]
        for panel, (label, grid) in zip(panels, grids.items(), strict=True):
            _draw_panel(panel, days, grid)
            count = sum(hour.events[label] for hour in hours.counts.values())
            panel.set_title(f"{label}  ({count:,} event{'s' * (count != 1)})", loc="left")
        _name_days(panels[-1].xaxis, days)
        with new_file(path) as draft:
            figure.savefig(draft, dpi=120, format=path.suffix[1:].lower())


_STYLE: Any = {
    "text.parse_math": False,
    "axes.titleweight": "bold",
    "axes.titlesize": 10,
    "font.size": 9,
}
_NOTHING = "0.85"
_NAMED_DAYS = 14  # with at most this many days, there is room for the name of each


def _draw_panel(panel: Any, days: Sequence[date], rates: Any) -> None:
    """Draw events per minute, float[24, days], masked where nothing was recorded."""
    import numpy as np
    from matplotlib.colors import PowerNorm
    from matplotlib.dates import date2num

    first = date2num(days[0])
    scale = PowerNorm(0.5, vmin=0, vmax=rates.max() or 1)
    image = panel.pcolormesh(np.arange(len(days) + 1) + first, np.arange(25), rates, cmap="GnBu", norm=scale)
    panel.set_facecolor(_NOTHING)
    panel.set(yticks=range(0, 25, 6), yticklabels=[f"{hour:02}:00" for hour in range(0, 25, 6)], ylim=(24, 0))
    panel.spines[:].set_visible(False)
    panel.tick_params(length=2)
    bar = panel.figure.colorbar(image, ax=panel, pad=0.01, aspect=14)
    bar.outline.set_visible(False)


def _name_days(axis: Any, days: Sequence[date]) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num

    if len(days) <= _NAMED_DAYS:
        axis.set_ticks([date2num(day) + 0.5 for day in days], [f"{day:%a}\n{day.isoformat()}" for day in days])
    else:
        locator = AutoDateLocator(minticks=4, maxticks=16)
        axis.set_major_locator(locator)
        axis.set_major_formatter(ConciseDateFormatter(locator))


def _grids(hours: Hours) -> tuple[list[date], dict[str, Any]]:
    """Return the days from first to last, and label -> events per minute float[24, days], masked where unrecorded."""
    import numpy as np

    local = {hour: hour.astimezone(hours.zone) for hour in hours.counts}
    first, last = (choose(time.date() for time in local.values()) for choose in (min, max))
    days = [first + timedelta(days=day) for day in range((last - first).days + 1)]
    minutes = np.zeros((24, len(days)))
    events = {label: np.zeros((24, len(days))) for label in hours.classes}
    for hour, time in local.items():
        cell = time.hour, (time.date() - first).days
        minutes[cell] += hours.counts[hour].seconds / 60
        for label, count in hours.counts[hour].events.items():
            events[label][cell] += count
    recorded = np.ma.masked_equal(minutes, 0)
    return days, {label: count / recorded for label, count in events.items()}
