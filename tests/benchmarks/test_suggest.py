"""What the docs say of `stapes suggest` is what the last `make bench-suggest` measured."""

from pathlib import Path

import pytest

from benchmarks.suggest import count_found_events, main, read_csv, sentence
from stapes.train.data.dataset import open_dataset

ROOT = Path(__file__).resolve().parents[2]


def test_the_figures_in_the_docs_are_the_last_measurement() -> None:
    last = read_csv()
    assert sentence(last) in " ".join((ROOT / "docs" / "own-recordings.md").read_text(encoding="utf-8").split())
    in_changelog = f"{last.share:.0%} of the events of real recordings with {last.per_event:.1f} proposals an event"
    assert in_changelog in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_proposals_find_more_than_marks_at_equal_distances(soundscapes: Path) -> None:
    some = count_found_events(open_dataset(soundscapes).splits["val"][:4])
    assert some.events > 0
    assert some.found > some.found_evenly


def test_without_the_recordings_the_figures_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = read_csv()
    assert main([str(tmp_path / "none")]) == 0
    assert "does not exist: nothing was measured" in capsys.readouterr().err
    assert read_csv() == before
