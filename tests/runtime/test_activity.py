"""Hours of the clock: recordings over midnight and over changes of the clocks."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from stapes.firmware_sim.errors import OutputError
from stapes.runtime.activity import Hours, draw_activity

BERLIN = ZoneInfo("Europe/Berlin")


def test_a_recording_over_midnight_is_counted_in_both_days() -> None:
    hours = Hours(["owl", "fox"], UTC)
    hours.add(datetime(2024, 5, 1, 23, 30, tzinfo=UTC), 3000.0, [(1799.9, "owl"), (1800.0, "fox"), (2000.0, "owl")])
    assert list(hours.rows())[1:] == [
        ["2024-05-01T23:00+00:00", "30.00", 1, "0.033", 1, 0],
        ["2024-05-02T00:00+00:00", "20.00", 2, "0.100", 1, 1],
    ]


def test_the_hour_that_comes_twice_is_two_rows() -> None:
    hours = Hours(["owl"], BERLIN)
    hours.add(datetime(2024, 10, 26, 23, 0, tzinfo=UTC), 4 * 3600.0, [(5400.0, "owl"), (9000.0, "owl")])
    assert [(row[0], row[2]) for row in list(hours.rows())[1:]] == [
        ("2024-10-27T01:00+02:00", 0),
        ("2024-10-27T02:00+02:00", 1),
        ("2024-10-27T02:00+01:00", 1),
        ("2024-10-27T03:00+01:00", 0),
    ]


def test_the_hour_that_never_comes_is_no_row() -> None:
    hours = Hours(["owl"], BERLIN)
    hours.add(datetime(2024, 3, 31, 0, 0, tzinfo=UTC), 2 * 3600.0, [])
    assert [row[0] for row in list(hours.rows())[1:]] == ["2024-03-31T01:00+01:00", "2024-03-31T03:00+02:00"]


def test_the_picture_has_days_across_and_a_panel_per_class(tmp_path: Path) -> None:
    from matplotlib import image

    hours = Hours(["owl", "fox"], BERLIN)
    for day in (1, 2, 30):
        hours.add(datetime(2024, 5, day, 22, 15, tzinfo=UTC), 7200.0, [(60.0, "owl")])
    draw_activity(hours, tmp_path / "a.png")
    pixels = image.imread(tmp_path / "a.png")
    assert pixels.shape[0] > pixels.shape[1] / 2
    one = Hours(["owl"], BERLIN)
    one.add(datetime(2024, 5, 1, 22, 15, tzinfo=UTC), 60.0, [])
    draw_activity(one, tmp_path / "b.png")
    assert image.imread(tmp_path / "b.png").shape[0] == pixels.shape[0] / 2
    with pytest.raises(OutputError, match="cannot be written"):
        draw_activity(one, tmp_path / "no" / "folder.png")
