"""The journal of a run: what is damaged or foreign is heard again, and is never taken for a result."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from season import detect_words, write_season

from stapes.firmware_sim.errors import OutputError
from stapes.runtime.batch.hearing import Outcome
from stapes.runtime.batch.journal import Journal
from stapes.runtime.batch.listing import RecordingFile
from stapes.runtime.batch.recording_times import Start
from stapes.runtime.main import main

SETTINGS = {"detector": "d" * 64, "folder": "/season"}
OUTCOMES = [
    Outcome(
        RecordingFile(f"{number}.wav", f"/season/{number}.wav", 1000 + number, str(number)),
        seconds=3.5,
        start=Start(datetime(2024, 5, number + 1, tzinfo=UTC), "") if number % 2 else None,
        events=[(16 * number, 32 * number, "hiss", 0.5), (400, 800, "rumble", 0.25)],
    )
    for number in range(6)
]
NAMES = [outcome.found.name for outcome in OUTCOMES]


def _write(path: Path, settings: dict[str, str]) -> bytes:
    journal = Journal(path, settings, afresh=False)
    journal.add(OUTCOMES)
    journal.close()
    return path.read_bytes()


def _read(path: Path) -> list[Outcome]:
    """Open the journal and return all that it holds."""
    journal = Journal(path, SETTINGS, afresh=False)
    try:
        return list(journal.outcomes(NAMES))
    finally:
        journal.close()


@pytest.mark.parametrize(
    "foreign",
    ["settings", "the same line with another digit", "no checksum"],
)
def test_a_line_that_does_not_belong_to_the_run_is_removed_with_one_note(
    tmp_path: Path, foreign: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "journal"
    lines = _write(path, SETTINGS).splitlines(keepends=True)
    lines[3] = {
        "settings": _write(tmp_path / "other", SETTINGS | {"channel": "2"}).splitlines(keepends=True)[3],
        "the same line with another digit": lines[3].replace(b"0.25", b"0.95"),
        "no checksum": lines[3].partition(b" ")[2],
    }[foreign]
    path.write_bytes(b"".join(lines))
    assert [outcome.found.name for outcome in _read(path)] == [name for name in NAMES if name != "2.wav"]
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: lines that are damaged or belong to another run: 1; they are removed, and the recordings whose "
        "results they held are processed again"
    ]
    caplog.clear()
    _read(path)
    assert not caplog.records


def test_a_damaged_header_loses_no_result(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    content = _write(path, SETTINGS)
    path.write_bytes(b"x" + content[1:])
    assert _read(path) == OUTCOMES
    _write(path, SETTINGS)
    assert _read(path) == OUTCOMES
    with pytest.raises(OutputError, match="begun with folder /season, now it is /other"):
        Journal(path, SETTINGS | {"folder": "/other"}, afresh=False)


def test_another_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    older = json.dumps({"journal": 1, "settings": SETTINGS}, separators=(",", ":"))
    for content in ("my notes\n", f'{older}\n{{"found":{{}}}}\n'):
        path.write_text(content)
        with pytest.raises(OutputError, match="--force"):
            Journal(path, SETTINGS, afresh=False)
        assert path.read_text() == content
    Journal(path, SETTINGS, afresh=True).close()


def test_a_changed_digit_in_the_journal_does_not_reach_the_tables(
    tiny_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The referee is the table of a run whose journal nobody changed."""
    season = write_season(tmp_path / "season", 4, 3.0)
    assert main(detect_words(tiny_detector, season, tmp_path / "expected.csv", "--jobs", 1)) == 0
    shutil.copytree(season, tmp_path / "copy")
    (tmp_path / "copy" / "bad.wav").write_bytes(b"not audio")
    out, journal = tmp_path / "events.csv", tmp_path / "events.csv.progress"
    assert main(detect_words(tiny_detector, tmp_path / "copy", out, "--jobs", 1)) == 1
    journal.write_bytes(journal.read_bytes().replace(b'"hiss",0.', b'"hiss",1.'))
    (tmp_path / "copy" / "bad.wav").unlink()
    capsys.readouterr()
    assert main(detect_words(tiny_detector, tmp_path / "copy", out, "--jobs", 1)) == 0
    assert "continuing: 2 of 4 recordings are done" in capsys.readouterr().err
    assert out.read_bytes() == (tmp_path / "expected.csv").read_bytes()
    assert not journal.exists()
