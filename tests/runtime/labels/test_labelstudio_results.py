"""Label Studio: every result whose meaning is plain becomes an event, every other one is refused by task and result."""

import json
from pathlib import Path
from typing import Any

import pytest

from stapes.firmware_sim.errors import LabelError
from stapes.runtime.labels import Annotation, read_labelstudio
from stapes.runtime.main import main


def _result(kind: str, of: str = "r1", **value: Any) -> dict[str, Any]:
    return {"type": kind, "id": of, "value": value}


def _export(folder: Path, *results: dict[str, Any], data: dict[str, Any] | None = None) -> Path:
    task = {"id": 1, "data": data or {"audio": "a.wav"}, "annotations": [{"result": list(results)}]}
    (folder / "x.json").write_text(json.dumps([task]))
    return folder / "x.json"


TIMES = {"start": 0.7, "end": 1.2}
REGION, CHOICE = _result("region", **TIMES), _result("choices", choices=["Pop"])


@pytest.mark.parametrize(
    "results",
    [
        [_result("labels", **TIMES, labels=["Pop"])],
        [REGION, CHOICE],
        [_result("choices", **TIMES, choices=["Pop"])],
        [_result("timeserieslabels", **TIMES, timeserieslabels=["Pop"])],
        [_result("labels", **TIMES, labels=["Pop"]), _result("choices", **TIMES, choices=["loud"])],
        [_result("labels", **TIMES, labels=["Pop"]), _result("rating", of="r2", rating=3)],
    ],
)
def test_a_region_with_one_label_is_an_event(tmp_path: Path, results: list[dict[str, Any]]) -> None:
    assert read_labelstudio(_export(tmp_path, *results)) == {"a.wav": [Annotation(0.7, 1.2, "Pop")]}


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([CHOICE], r"x\.json:1: result 'r1' of type 'choices' has no start and end"),
        ([REGION], r"x\.json:1: result 'r1' \(region\) has a start and an end but not one label or choice"),
        ([_result("labels", **TIMES, labels=[])], "has a start and an end but not one label"),
        ([_result("choices", **TIMES, choices=["Pop", "loud"])], "has a start and an end but not one label"),
        ([_result("brush", **TIMES)], "result 'r1' is of type 'brush', which is not one of audio"),
        ([_result("videotimeline", ranges=[])], "result 'r1' of type 'videotimeline' has no start and end"),
        ([REGION, _result("labels", start=1, end=2, labels=["Pop"])], "result 'r1' has 2 different times"),
    ],
)
def test_other_results_are_refused_and_never_read_as_no_event(
    tmp_path: Path, results: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(LabelError, match=message):
        read_labelstudio(_export(tmp_path, *results))


def test_answers_beside_labels_are_not_read_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    label = _result("labels", **TIMES, labels=["Pop"])
    assert main(["labels", str(_export(tmp_path, label, _result("choices", of="q", choices=["windy"])))]) == 0
    assert "1 answers about the whole recording are not labels and were not read" in capsys.readouterr().err


def test_the_audio_is_found_under_another_key_or_can_be_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    label = _result("labels", **TIMES, labels=["Pop"])
    found = {"a.wav": [Annotation(0.7, 1.2, "Pop")]}
    assert read_labelstudio(_export(tmp_path, label, data={"sound": "/data/upload/1/0123abcd-a.wav", "n": 3})) == found
    export = _export(tmp_path, label, data={"left": "a.wav", "right": "b.wav"})
    assert main(["labels", str(export)]) == 1
    assert "2 entries that name audio (data has left, right); name the entry with the recording with --columns " in (
        capsys.readouterr().err
    )
    assert main(["labels", str(export), "--columns", "filename=left"]) == 0
    assert "a.wav\t0.700000" in capsys.readouterr().out
