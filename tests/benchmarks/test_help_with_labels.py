"""What the docs say of the most alike and the most doubtful sounds is what the last benchmarks measured."""

from pathlib import Path

import pytest

from benchmarks import alike, doubtful
from stapes.train.data.dataset import open_dataset

DOCS = Path(__file__).resolve().parents[2] / "docs" / "own-recordings.md"


def test_the_figures_in_the_docs_are_the_last_measurements() -> None:
    text = " ".join(DOCS.read_text(encoding="utf-8").split())
    assert alike.sentence(alike.read_csv()) in text
    assert doubtful.sentence(doubtful.read_csv()) in text


def test_the_most_alike_have_the_same_label_more_often_than_by_chance_in_every_class(soundscapes: Path) -> None:
    rows = alike.measure(open_dataset(soundscapes).splits["val"][:12])
    assert {each.label for each in rows} >= {"clock_tick", "dog_bark", alike.ALL}
    assert all(each.share > each.chance for each in rows if each.events >= 5)


def test_without_the_recordings_the_figures_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = alike.read_csv()
    assert alike.main([str(tmp_path / "none")]) == 0
    assert "does not exist: nothing was measured" in capsys.readouterr().err
    assert alike.read_csv() == before
