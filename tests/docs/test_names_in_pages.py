"""Every command, option, extra, make target and setting that a page names exists."""

import re
import tomllib
from pathlib import Path

import pytest
from page_blocks import PAGES, ROOT, Block, inline_commands, read_blocks, stapes_commands

from docs.hooks.commands import sub_commands
from stapes.firmware_sim.device.frontend import Frontend, make_tables
from stapes.runtime.main import build_parser
from stapes.train.settings import read_settings

PAGE_NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

SETTINGS = [block for page in PAGES for block in read_blocks(page) if block.language == "toml"]


def options_of(command: str) -> set[str]:
    return {option for action in sub_commands()[command]._actions for option in action.option_strings}


@pytest.mark.parametrize("page", PAGES, ids=PAGE_NAMES)
def test_every_block_says_its_language(page: Path) -> None:
    assert not [block.place for block in read_blocks(page) if not block.language]
    assert page.read_text(encoding="utf-8").count("\n```") == 2 * len(read_blocks(page))


@pytest.mark.parametrize("page", PAGES, ids=PAGE_NAMES)
def test_the_parser_understands_every_stapes_command(page: Path) -> None:
    for block in read_blocks(page):
        if block.language == "sh":
            for words in stapes_commands(block.text):
                assert callable(build_parser().parse_args(words).run), f"{block.place}: {words}"


@pytest.mark.parametrize("name", sub_commands())
def test_the_parser_understands_the_examples_of_help(name: str) -> None:
    examples = list(stapes_commands(sub_commands()[name].epilog or ""))
    assert examples, f"stapes {name} --help shows no example"
    for words in examples:
        assert callable(build_parser().parse_args(words).run), words


@pytest.mark.parametrize("page", PAGES, ids=PAGE_NAMES)
def test_commands_and_options_in_the_text_exist(page: Path) -> None:
    for command, *words in inline_commands(page):
        if command.startswith("-") or command == "COMMAND":
            continue
        options = {word.split("=")[0] for word in words if word.startswith("--")}
        assert options <= options_of(command), f"{page.name}: stapes {command} {' '.join(words)}"
    known = {option for command in sub_commands() for option in options_of(command)} | {
        "--debug",
        "--version",
        "--progress",
    }
    named = re.findall(r"`(--[a-z][a-z-]*)", page.read_text(encoding="utf-8"))
    assert not set(named) - known, page.name


@pytest.mark.parametrize("page", PAGES, ids=PAGE_NAMES)
def test_extras_and_make_targets_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert set(re.findall(r"pip install '(?:stapes|\.)\[(\w+)\]'", text)) <= set(extras)
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for words in re.findall(r"(?:`|^)make ([a-z -]+)", text, re.MULTILINE):
        assert set(words.split()) <= set(targets), f"{page.name}: make {words}"


@pytest.mark.parametrize("block", SETTINGS, ids=[block.place for block in SETTINGS])
def test_a_detector_can_be_trained_with_every_block_of_settings(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(block.text, encoding="utf-8")
    assert Frontend(make_tables(read_settings(path).frontend)).config == read_settings(path).frontend
