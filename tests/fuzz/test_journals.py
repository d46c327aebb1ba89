"""Damaged progress files of a batch: only results that were written remain, the others are heard again."""

import random
import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from damage import damaged_bytes, damaged_text
from fuzzing import Files, Fuzzer, fuzz, inputs

from stapes.runtime.batch.hearing import Outcome
from stapes.runtime.batch.journal import Journal
from stapes.runtime.batch.listing import RecordingFile
from stapes.runtime.batch.recording_times import Start

SETTINGS = {"detector": "d" * 64, "folder": "/season"}
OUTCOMES = {
    f"{number}.wav": Outcome(
        RecordingFile(f"{number}.wav", f"/season/{number}.wav", 1000 + number, str(number)),
        seconds=3.5,
        start=Start(datetime(2024, 5, number + 1, tzinfo=UTC), "") if number % 2 else None,
        events=[(16 * number, 32 * number, "hiss", 0.5), (400, 800, "rumble", 0.25)],
    )
    for number in range(6)
}


@cache
def _written(detector: str) -> str:
    """Return the journal of a run with a detector of this hash."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        journal = Journal(path, SETTINGS | {"detector": detector}, afresh=False)
        journal.add(OUTCOMES.values())
        journal.close()
        return path.read_text()


def _make(chance: random.Random) -> Files:
    text = _written("d" * 64)
    if chance.random() < 0.3:  # lines of another run among those of this one
        lines = text.splitlines(keepends=True)
        lines.insert(chance.randrange(len(lines) + 1), chance.choice(_written("e" * 64).splitlines(keepends=True)))
        text = "".join(lines)
    return {"journal": damaged_text(chance, text) if chance.random() < 0.4 else damaged_bytes(chance, text.encode())}


def _held(path: Path) -> list[Outcome]:
    journal = Journal(path, SETTINGS, afresh=False)
    try:
        return list(journal.outcomes(OUTCOMES))
    finally:
        journal.close()


def _read(folder: Path) -> None:
    """Open a journal; all that it holds is what was written, and what it lacks can be added."""
    path = folder / "journal"
    held = _held(path)
    assert all(OUTCOMES[outcome.found.name] == outcome for outcome in held), "a result was changed"
    assert _held(path) == held, "another start, after the damage was removed, holds something else"
    journal = Journal(path, SETTINGS, afresh=False)
    journal.add(OUTCOMES.values())
    journal.close()
    assert _held(path) == list(OUTCOMES.values()), "what was heard again is missing"


@pytest.mark.slow
def test_of_damaged_journals_only_unchanged_results_remain() -> None:
    fuzz(Fuzzer("journals", _make, _read), inputs(2000))
