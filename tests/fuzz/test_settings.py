"""Damaged settings files (TOML) of a training."""

import random
from functools import cache
from pathlib import Path

import pytest
from damage import damaged_text
from fuzzing import Files, Fuzzer, fuzz, inputs

from stapes.train.settings import Settings, read_settings, write_settings


@cache
def _whole() -> tuple[str, ...]:
    """Return files of settings: all of them, and a short one as users write it."""
    short = "[training]\niterations = 2000\n\n[network]\ngru_units = 24  # smaller\nconv_channels = [8, 12, 16]\n"
    more = '[frontend]\nsample_rate_hz = 8000\n\n[operating_point.false_alarms_per_hour_by_class]\n"dog bark" = 2.5\n'
    return write_settings(Settings()), short, short + "\n" + more


def _make(chance: random.Random) -> Files:
    return {"settings.toml": damaged_text(chance, chance.choice(_whole()))}


def _read(folder: Path) -> None:
    """Read settings; those that are taken can be written and read again without a change."""
    settings = read_settings(folder / "settings.toml")
    assert settings.clock.step_samples > 0
    assert settings.sequence_steps > 0
    again = folder / "again.toml"
    again.write_text(write_settings(settings), encoding="utf-8")
    assert read_settings(again) == settings, "settings differ after they were written and read"


@pytest.mark.slow
def test_damaged_settings_are_read_rightly_or_refused_in_one_line() -> None:
    fuzz(Fuzzer("settings", _make, _read), inputs(2000))
