"""The README shows what the benchmarks measured, and nothing that is not there."""

import re
from pathlib import Path

from benchmarks.readme_table import with_tables

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_results() -> None:
    assert with_tables(README) == README, "run `make readme`"


def test_every_file_that_the_readme_names_exists() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_make_target_that_the_readme_names_exists() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"make ([a-z-]+)", README)) - {"labelled"} <= set(targets)
