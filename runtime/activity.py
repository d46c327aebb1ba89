"""Activity by hour and day: how many events per minute of recording, as rows and as a picture."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from stapes.firmware_sim.errors import OutputError, ToolchainError

HOUR_S = 3600


@dataclass
class Hour:
    """One hour of the clock."""

    seconds: float  # recorded in it
    events: dict[str, int]  # that began in it, by label


class Hours:
    """Recordings and their events, counted per hour of UTC; `zone` is how hours are shown.

    >>> hours = Hours(["owl"], UTC)
    >>> hours.add(datetime(2024, 5, 1, 23, 30, tzinfo=UTC), 3600.0, [(1801.0, "owl")])
    >>> [(hour["owl"], minutes) for minutes, hour in ...]   # doctest: +SKIP
    """

    def __init__(self, classes: Sequence[str], zone: tzinfo) -> None:
        self.classes, self.zone = tuple(classes), zone
        self.counts: dict[datetime, Hour] = {}

    def add(self, start: datetime, seconds: float, events: Sequence[tuple[float, str]]) -> None:
        """Count a recording that began at `start` (UTC) and its events: onset in seconds, label."""
        end = start + timedelta(seconds=seconds)
        hour = _whole(start)
        while hour < end:
            following = hour + timedelta(seconds=HOUR_S)
            self._at(hour).seconds += (min(end, following) - max(start, hour)).total_seconds()
            hour = following
        for onset, label in events:
            self._at(_whole(start + timedelta(seconds=onset))).events[label] += 1

    def rows(self) -> Iterator[list[object]]:
        """A header, then the hours with recordings: hour in `zone` with its offset, minutes recorded, events of each
        class, all events per minute.
        """
        yield ["hour", "minutes", "events", "per_minute", *self.classes]
        for hour, count in sorted(self.counts.items()):
            minutes, events = count.seconds / 60, sum(count.events.values())
            rate = f"{events / minutes:.3f}" if minutes else ""
            local = hour.astimezone(self.zone).isoformat(timespec="minutes")
            yield [local, f"{minutes:.2f}", events, rate, *(count.events[label] for label in self.classes)]

    def _at(self, hour: datetime) -> Hour:
        return self.counts.setdefault(hour, Hour(0.0, dict.fromkeys(self.classes, 0)))


def _whole(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)


def require_matplotlib() -> None:
    """ToolchainError without it: better before hours of work than after."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ToolchainError("a picture needs matplotlib; `pip install matplotlib`, or leave out --plot") from None


def draw_activity(hours: Hours, path: Path) -> None:
    """Write a picture: days across, hours of the day in `hours.zone` down, events per minute as colour, grey where
    nothing was recorded; one panel per class. OutputError when it cannot be written.
    """
    import numpy as np
    from matplotlib.figure import Figure

    first, grids = _grids(hours)
    n_days = next(iter(grids.values())).shape[1]
    figure = Figure(figsize=(min(24, max(6, 1.5 + 0.12 * n_days)), 3 * len(grids)), layout="constrained")
    panels = figure.subplots(len(grids), 1, squeeze=False)
    for panel, (label, grid) in zip(panels[:, 0], grids.items(), strict=True):
        panel.set_facecolor("0.85")
        image = panel.pcolormesh(np.arange(n_days + 1), np.arange(25), grid, cmap="viridis", vmin=0)
        panel.set(title=label, ylabel=f"hour ({hours.zone})", yticks=range(0, 25, 6), ylim=(24, 0))
        shown = range(0, n_days, max(1, n_days // 12))
        names = [(first + timedelta(days=day)).strftime("%Y-%m-%d") for day in shown]
        panel.set_xticks([day + 0.5 for day in shown], names, rotation=45, ha="right", fontsize=8)
        figure.colorbar(image, ax=panel, label="events per minute")
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: cannot be written ({error})") from error


def _grids(hours: Hours) -> tuple[datetime, dict[str, Any]]:
    """First day, and per class float[24, days]: events per minute, masked where nothing was recorded."""
    import numpy as np

    local = {hour: hour.astimezone(hours.zone) for hour in sorted(hours.counts)}
    days = [time.date() for time in local.values()]
    first, n_days = min(days), (max(days) - min(days)).days + 1
    minutes = np.zeros((24, n_days))
    events = {label: np.zeros((24, n_days)) for label in hours.classes}
    for hour, time in local.items():
        place = time.hour, (time.date() - first).days
        minutes[place] += hours.counts[hour].seconds / 60
        for label, count in hours.counts[hour].events.items():
            events[label][place] += count
    recorded = np.ma.masked_equal(minutes, 0)
    return datetime.combine(first, datetime.min.time()), {label: count / recorded for label, count in events.items()}
