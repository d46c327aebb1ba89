"""The journal of a run with six recordings, which tests damage."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

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


def write_journal(path: Path, settings: Mapping[str, str] = SETTINGS) -> bytes:
    """Write the outcomes of all recordings and return the bytes of the file."""
    journal = Journal(path, dict(settings), afresh=False)
    journal.add(OUTCOMES.values())
    journal.close()
    return path.read_bytes()


def held(path: Path) -> list[Outcome]:
    """Open a journal and return all that it holds of these recordings."""
    journal = Journal(path, SETTINGS, afresh=False)
    try:
        return list(journal.outcomes(OUTCOMES))
    finally:
        journal.close()
