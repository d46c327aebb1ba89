"""The journal of a run: what is damaged or foreign is heard again, and is never taken for a result."""

import json
import shutil
from pathlib import Path

import pytest
from journals import OUTCOMES, SETTINGS, held, write_journal
from season import detect_words, write_season

from stapes.firmware_sim.errors import OutputError
from stapes.runtime.batch.journal import Journal
from stapes.runtime.main import main


@pytest.mark.parametrize(
    "foreign",
    ["settings", "the same line with another digit", "no checksum"],
)
def test_a_line_that_does_not_belong_to_the_run_is_removed_with_one_note(
    tmp_path: Path, foreign: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "journal"
    lines = write_journal(path).splitlines(keepends=True)
    lines[3] = {
        "settings": write_journal(tmp_path / "other", SETTINGS | {"channel": "2"}).splitlines(keepends=True)[3],
        "the same line with another digit": lines[3].replace(b"0.25", b"0.95"),
        "no checksum": lines[3].partition(b" ")[2],
    }[foreign]
    path.write_bytes(b"".join(lines))
    assert [outcome.found.name for outcome in held(path)] == [name for name in OUTCOMES if name != "2.wav"]
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: lines that are damaged or belong to another run: 1; they are removed, and the recordings whose "
        "results they held are processed again"
    ]
    caplog.clear()
    held(path)
    assert not caplog.records


def test_a_damaged_header_loses_no_result(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    content = write_journal(path)
    path.write_bytes(b"x" + content[1:])
    assert held(path) == list(OUTCOMES.values())
    write_journal(path)
    assert held(path) == list(OUTCOMES.values())
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
