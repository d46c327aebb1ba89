"""Damaged progress files of a batch: only results that were written remain, the others are heard again."""

import random
import tempfile
from functools import cache
from pathlib import Path

import pytest
from damage import damaged_bytes, damaged_text
from fuzzing import Files, Fuzzer, fuzz, inputs
from journals import OUTCOMES, SETTINGS, held, write_journal


@cache
def _written(detector: str) -> str:
    """Return the journal of a run with a detector of this hash."""
    with tempfile.TemporaryDirectory() as folder:
        return write_journal(Path(folder) / "journal", SETTINGS | {"detector": detector}).decode()


def _make(chance: random.Random) -> Files:
    text = _written("d" * 64)
    if chance.random() < 0.3:  # lines of another run among those of this one
        lines = text.splitlines(keepends=True)
        lines.insert(chance.randrange(len(lines) + 1), chance.choice(_written("e" * 64).splitlines(keepends=True)))
        text = "".join(lines)
    return {"journal": damaged_text(chance, text) if chance.random() < 0.4 else damaged_bytes(chance, text.encode())}


def _read(folder: Path) -> None:
    """Open a journal; all that it holds is what was written, and what it lacks can be added."""
    path = folder / "journal"
    found = held(path)
    assert all(OUTCOMES[outcome.found.name] == outcome for outcome in found), "a result was changed"
    assert held(path) == found, "another start, after the damage was removed, holds something else"
    write_journal(path)
    assert held(path) == list(OUTCOMES.values()), "what was heard again is missing"


@pytest.mark.slow
def test_of_damaged_journals_only_unchanged_results_remain() -> None:
    fuzz(Fuzzer("journals", _make, _read), inputs(2000))
