"""docs/own-recordings.md: its commands and settings are such that exist."""

import re
import shlex
from pathlib import Path

import pytest

from stapes.firmware_sim.device.frontend import Frontend, make_tables
from stapes.runtime.main import build_parser
from stapes.train.settings import read_settings

GUIDE = (Path(__file__).parents[2] / "docs" / "own-recordings.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
COMMANDS = [line for kind, text in BLOCKS if not kind for line in text.splitlines() if line.startswith("stapes ")]
SETTINGS = [text for kind, text in BLOCKS if kind == "toml"]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_one_that_is_understood(line: str) -> None:
    words = shlex.split(re.split(r"\s{3,}", line)[0])
    arguments = build_parser().parse_args(words[1:])
    assert callable(arguments.run)


@pytest.mark.parametrize("text", SETTINGS)
def test_every_block_of_settings_can_be_trained_with(text: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text, encoding="utf-8")
    assert Frontend(make_tables(read_settings(path).frontend)).config == read_settings(path).frontend


def test_the_guide_has_commands_and_settings() -> None:
    assert len(COMMANDS) >= 7
    assert len(SETTINGS) == 1
