"""Hours of the clock: recordings over midnight and over changes of the clocks."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import matplotlib
import numpy as np
import pytest
from matplotlib import image
from numpy.typing import NDArray

from stapes.firmware_sim.errors import OutputError
from stapes.runtime.batch.activity import Hours, draw_activity, require_picture

BERLIN = ZoneInfo("Europe/Berlin")


def test_a_recording_over_midnight_is_counted_in_both_days() -> None:
    hours = Hours(["owl", "fox"], UTC)
    hours.add(datetime(2024, 5, 1, 23, 30, tzinfo=UTC), 3000.0, [(1799.9, "owl"), (1800.0, "fox"), (2000.0, "owl")])
    assert list(hours.rows())[1:] == [
        ["2024-05-01T23:00+00:00", "30.00", 1, "0.033", 1, 0],
        ["2024-05-02T00:00+00:00", "20.00", 2, "0.100", 1, 1],
    ]


def test_an_hour_that_occurs_twice_has_two_rows() -> None:
    hours = Hours(["owl"], BERLIN)
    hours.add(datetime(2024, 10, 26, 23, 0, tzinfo=UTC), 4 * 3600.0, [(5400.0, "owl"), (9000.0, "owl")])
    assert [(row[0], row[2]) for row in list(hours.rows())[1:]] == [
        ("2024-10-27T01:00+02:00", 0),
        ("2024-10-27T02:00+02:00", 1),
        ("2024-10-27T02:00+01:00", 1),
        ("2024-10-27T03:00+01:00", 0),
    ]


def test_an_hour_that_never_occurs_has_no_row() -> None:
    hours = Hours(["owl"], BERLIN)
    hours.add(datetime(2024, 3, 31, 0, 0, tzinfo=UTC), 2 * 3600.0, [])
    assert [row[0] for row in list(hours.rows())[1:]] == ["2024-03-31T01:00+01:00", "2024-03-31T03:00+02:00"]


@pytest.mark.parametrize(
    ("zone", "start", "rows"),
    [
        ("Asia/Kolkata", datetime(2024, 5, 1, 4, 15, tzinfo=UTC), ["2024-05-01T09:00+05:30", "2024-05-01T10:00+05:30"]),
        ("Asia/Kathmandu", datetime(2024, 5, 1, 4, 15, tzinfo=UTC), ["2024-05-01T10:00+05:45"]),
        (  # the clocks go back by half an hour at 02:00 there
            "Australia/Lord_Howe",
            datetime(2024, 4, 6, 14, 30, tzinfo=UTC),
            ["2024-04-07T01:00+11:00", "2024-04-07T01:30+11:00"],
        ),
    ],
)
def test_hours_are_those_of_the_clock_where_zones_differ_by_half_hours(
    zone: str, start: datetime, rows: list[str]
) -> None:
    hours = Hours(["owl"], ZoneInfo(zone))
    hours.add(start, 3600.0, [(1000.0, "owl"), (3599.0, "owl")])
    made = list(hours.rows())[1:]
    assert [row[0] for row in made] == rows
    assert sum(float(str(row[1])) for row in made) == 60
    assert sum(int(str(row[2])) for row in made) == 2


def _pixels(hours: Hours, path: Path) -> NDArray[np.float32]:
    draw_activity(hours, path)
    pixels: NDArray[np.float32] = image.imread(path)[:, :, :3]
    return pixels


def _share(pixels: NDArray[np.float32], color: tuple[float, ...]) -> float:
    return float(np.mean(np.all(np.abs(pixels - color) < 0.01, axis=2)))


def test_the_picture_shows_hours_without_recordings_unlike_hours_without_events(tmp_path: Path) -> None:
    grey, none, most = (0.85,) * 3, *(matplotlib.colormaps["GnBu"](at)[:3] for at in (0.0, 1.0))
    silent, gap = Hours(["owl"], UTC), Hours(["owl"], UTC)
    for day in (1, 2, 3, 4):
        silent.add(datetime(2024, 5, day, tzinfo=UTC), 24 * 3600.0, [])
        if day in (1, 4):
            gap.add(datetime(2024, 5, day, tzinfo=UTC), 24 * 3600.0, [(float(at), "owl") for at in range(86400)])
    pixels = _pixels(silent, tmp_path / "silent.png")
    assert _share(pixels, none) > 0.4
    assert _share(pixels, grey) < 0.01, "grey only in the legend"
    pixels = _pixels(gap, tmp_path / "gap.png")
    assert _share(pixels, grey) == pytest.approx(_share(pixels, most), rel=0.1), "two days each"
    assert _share(pixels, none) < 0.01


def test_the_picture_has_a_panel_per_class_and_is_wide_for_a_season(tmp_path: Path) -> None:
    one, two = Hours(["owl"], BERLIN), Hours(["owl", "$ fox $"], BERLIN)
    for hours, days in ((one, 2), (two, 200)):
        for day in range(days):
            hours.add(datetime(2024, 3, 1, 22, 15, tzinfo=UTC) + timedelta(days=day), 7200.0, [(60.0, "owl")])
    small, large = _pixels(one, tmp_path / "a.png"), _pixels(two, tmp_path / "b.png")
    assert large.shape[0] > 1.6 * small.shape[0]
    assert large.shape[1] > 1.6 * small.shape[1]
    with pytest.raises(OutputError, match="cannot be written"):
        draw_activity(one, tmp_path / "no" / "folder.png")
    with pytest.raises(OutputError, match="no picture can be written with this suffix"):
        require_picture(tmp_path / "a.csv")
