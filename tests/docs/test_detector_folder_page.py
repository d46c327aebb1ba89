"""docs/reference/detector-folder.md names every file and every field of a detector folder, and no other field."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_blocks import ROOT
from page_stage import Stage

PAGE = (ROOT / "docs" / "reference" / "detector-folder.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([A-Za-z_][\w.-]*)`", PAGE))


def fields(value: Any) -> Iterator[str]:
    """Names of the fields of a JSON value, at every depth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from fields(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from fields(inner)


def data_names(content: dict[str, Any]) -> set[str]:
    """Keys that are not fields: classes, packages, and pairs of networks."""
    pairs = content["scores"].get("parity", {}).get("scores", ())
    return {*content["classes"], *content["provenance"].get("packages", ()), *pairs}


def test_every_field_of_a_detector_is_described(compiled_detector: Path) -> None:
    content = json.loads((compiled_detector / "detector.json").read_text(encoding="utf-8"))
    assert set(fields(content)) - data_names(content) <= NAMED
    assert set(fields(json.loads((compiled_detector / "c" / "model.json").read_text(encoding="utf-8")))) <= NAMED


def test_every_field_that_the_first_table_describes_is_in_a_detector(compiled_detector: Path) -> None:
    content = json.loads((compiled_detector / "detector.json").read_text(encoding="utf-8"))
    table = PAGE.split("## detector.json")[1].split("###")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(content)


@pytest.mark.slow
def test_every_file_and_field_that_training_writes_is_described(compiled_detector: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    stage = Stage(tmp_path, compiled_detector, {})
    stage.prepare("recordings")
    stage.command("stapes train recordings --out one.stapes")
    detector = tmp_path / "one.stapes"
    content = json.loads((detector / "detector.json").read_text(encoding="utf-8"))
    assert set(fields(content)) - data_names(content) <= NAMED
    assert set(json.loads((detector / "vectors" / "answers.json").read_text(encoding="utf-8"))) <= NAMED
    with (detector / "training" / "history.csv").open(encoding="utf-8") as history:
        assert set(next(csv.reader(history))) <= NAMED
    for path in detector.rglob("*"):
        if path.is_file() and path.parent.name != "c":
            assert path.name in NAMED, path
