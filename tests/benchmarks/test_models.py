"""benchmarks/models.py: each kind of file gets its verdict, and no file stops the others."""

from pathlib import Path

import pytest

from benchmarks import one_model, rows
from benchmarks.models import main, verdict_of
from benchmarks.tflite_models import Builder, dense_stack


def _float_model() -> bytes:
    b = Builder()
    x = b.input("x", (1, 4), None, "float32")
    return b.finish([b.operator("ADD", [x, x], [b.tensor("y", (1, 4), None, "float32")], "AddOptions")])


def _float_borders() -> bytes:
    b = Builder()
    codes = b.operator("QUANTIZE", [b.input("x", (1, 4), None, "float32")], [b.tensor("codes", (1, 4), (0.1, 3))])
    both = b.operator("ADD", [codes, codes], [b.tensor("both", (1, 4), (0.2, 0))], "AddOptions")
    return b.finish([b.operator("DEQUANTIZE", [both], [b.tensor("y", (1, 4), None, "float32")])])


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the rows go instead of into the project."""
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    return tmp_path


def test_every_file_below_a_folder_gets_a_verdict(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "models"
    (folder / "deep").mkdir(parents=True)
    for name, tflite in (
        ("deep/dense.tflite", dense_stack()),
        ("borders.tflite", _float_borders()),
        ("float.tflite", _float_model()),
        ("damaged.tflite", dense_stack()[:3000]),
    ):
        (folder / name).write_bytes(tflite)
    (folder / "notes.txt").write_text("not a model")
    assert main([str(folder), "--jobs", "2"]) == 0
    shown = capsys.readouterr().out
    found = {row["file"]: row for row in rows.read_rows("models")}
    assert {name: (row["form"], row["verdict"]) for name, row in found.items()} == {
        "borders.tflite": ("int8, float32 border", "equal"),
        "damaged.tflite": ("", "refused"),
        "deep/dense.tflite": ("int8", "equal"),
        "float.tflite": ("float32", "refused"),
    }
    assert (found["deep/dense.tflite"]["tensors"], found["deep/dense.tflite"]["operators"]) == (
        "4",
        "3 FULLY_CONNECTED, 1 SOFTMAX",
    )
    assert int(found["deep/dense.tflite"]["flash"]) > 10_000
    assert "not a whole .tflite" in found["damaged.tflite"]["reasons"]
    assert "ADD" in found["float.tflite"]["reasons"]
    assert "deep/dense.tflite: int8: equal in 4 tensors, flash " in shown
    assert "all                   refused  2" in shown


def test_a_difference_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_model, "differences", lambda *_: {"y": 3, "z": 0})
    file = tmp_path / "dense.tflite"
    file.write_bytes(dense_stack())
    *_, last = one_model.examine(file, tmp_path)
    assert (last.verdict, last.reasons, last.tensors) == ("differs", "3 values of y", 2)


def test_a_file_that_takes_too_long_has_failed(tmp_path: Path) -> None:
    file = tmp_path / "dense.tflite"
    file.write_bytes(dense_stack())
    late = verdict_of(file, seconds=0.01)
    assert (late.file, late.verdict, late.reasons) == ("dense.tflite", "failed", "(took more than 0.01 seconds)")


def test_a_process_that_ends_in_the_middle_leaves_what_was_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child is a stand-in that ends by a signal after its first stage."""
    file = tmp_path / "dense.tflite"
    file.write_bytes(dense_stack())
    child = tmp_path / "child"
    first = '{"file": "dense.tflite", "form": "int8", "reasons": "LiteRT ended the process"}'
    child.write_text(f"#!/bin/sh\necho '{first}'\nkill -9 $$\n")
    child.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(child))
    found = verdict_of(file)
    assert (found.form, found.verdict) == ("int8", "failed")
    assert found.reasons == "LiteRT ended the process (exit status -9: nothing was said)"


def test_a_folder_without_models_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path}: no .tflite below this folder")
