"""CONTRIBUTING.md names files and targets that exist, and no task of a newcomer needs more than three files."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
TASKS = {
    "an operator",
    "a label format",
    "a sink",
    "a board",
    "a build system",
    "a smoothing",
    "a layer",
    "another feature scale",
    "a command's option",
    "a metric",
}


def tasks() -> dict[str, list[str]]:
    """Return the files that each row of the table of tasks names, new ones (with NAME) among them."""
    _, table = TEXT.split("\n## Ten things to add\n")
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| **")]
    return {what.strip().strip("*"): re.findall(r"`([\w/]+\.\w+)`", files) for what, files, _ in rows}


def test_every_task_of_a_newcomer_is_described() -> None:
    assert set(tasks()) == TASKS


@pytest.mark.parametrize("task", sorted(TASKS))
def test_a_task_needs_at_most_three_files_and_they_exist(task: str) -> None:
    files = tasks()[task]
    assert 1 <= len(files) <= 3
    for file in files:
        path = ROOT / file
        assert (path.parent if "NAME" in path.name else path).exists(), file


def test_every_file_that_is_named_exists() -> None:
    named = re.findall(r"\]\(([^)#]+)\)", TEXT) + re.findall(r"`([\w.-]+/[\w./-]+)`", TEXT)
    for name in named:
        if "NAME" not in name and not name.startswith((".venv", "build/")):
            assert (ROOT / name).exists(), name


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)\b", TEXT)) <= targets
