"""`stapes train --print-config` says of every setting what it does and when to change it."""

import dataclasses

from stapes.train.cli.config_comments import COMMENTS, with_comments
from stapes.train.settings import Settings, write_settings


def test_every_setting_that_is_printed_says_what_it_does_and_there_are_no_other_comments() -> None:
    """A new setting gets a sentence in train/cli/config_comments.py."""
    tables = {name: value for name, value in vars(Settings()).items() if dataclasses.is_dataclass(value)}
    fields = {name: set(vars(value)) for name, value in tables.items()} | {"": set(vars(Settings())) - set(tables)}
    assert {name: set(comments) for name, comments in COMMENTS.items()} == fields
    lines = with_comments(write_settings(Settings())).splitlines()
    above = [lines[number - 1] for number, line in enumerate(lines) if " = " in line and not line.startswith("#")]
    assert len(above) == sum(map(len, fields.values()))
    assert all(line.startswith("# ") and line.endswith(".") for line in above)
