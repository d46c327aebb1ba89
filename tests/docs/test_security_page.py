"""SECURITY.md: every promise names tests that exist, and a file of the project names no invented address."""

import re

import pytest
from page_blocks import ROOT

TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
PROMISED, _, NOT_PROMISED = TEXT.partition("## What is not promised")
ROWS = [line for line in PROMISED.splitlines() if line.startswith("| ") and not line.startswith("| promise")]


@pytest.mark.parametrize("row", ROWS, ids=[row.split("|")[1].strip()[:40] for row in ROWS])
def test_every_promise_names_tests_that_exist(row: str) -> None:
    tests = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row)
    assert tests, "no test holds this promise"
    for file, name in tests:
        assert re.search(rf"^def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), f"{file}::{name}"


def test_promises_are_found_and_limits_are_stated() -> None:
    assert len(ROWS) >= 15
    assert NOT_PROMISED.count("\n- ") >= 5


def test_no_address_is_invented() -> None:
    assert not re.search(r"@|https?://", TEXT)
