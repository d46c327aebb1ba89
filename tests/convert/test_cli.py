"""`stapes compile` as a person runs it."""

from pathlib import Path

import pytest

from benchmarks import tflite_models
from stapes.convert.supported import OPERATORS, TARGETS
from stapes.runtime.main import main


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "KWS small.tflite"
    path.write_bytes(tflite_models.dense_stack())
    return path


def test_compile_names_the_layers_and_the_sizes(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compile", str(model), "--out", str(tmp_path / "c"), "--target", "portable"]) == 0
    shown = capsys.readouterr().out
    assert "hidden1" in shown
    assert "kws_small: 10496 MACs per step, RAM 96 bytes (arena 96, states 0), weights 10496" in shown
    assert {path.name for path in (tmp_path / "c").iterdir()} >= {
        "kws_small.c",
        "kws_small.h",
        "stapes_nn.h",
        "model.json",
    }


def test_compile_shows_the_plan_as_text_and_picture(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["compile", str(model), "--out", str(tmp_path / "c"), "--target", "portable", "--name", "stack"]
    assert main([*command, "--show-plan"]) == 0
    assert "arena: 96 bytes, 3 buffers, 4 operations" in capsys.readouterr().out
    assert (tmp_path / "c" / "plan.svg").read_text().count("<rect") == 4
    assert (tmp_path / "c" / "stack.c").exists()
    assert main(command) == 0
    assert not (tmp_path / "c" / "plan.svg").exists(), "the picture of an earlier plan"


def test_a_file_that_was_not_generated_is_never_replaced(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["compile", str(model), "--out", str(tmp_path / "c"), "--target", "portable"]
    assert main(command) == 0
    (tmp_path / "c" / "wake.c").write_text("mine")
    assert main([*command, "--name", "wake"]) == 1
    assert f"error: {tmp_path / 'c' / 'wake.c'} was not generated" in capsys.readouterr().err
    assert (tmp_path / "c" / "wake.c").read_text() == "mine"
    assert main(command) == 0
    assert (tmp_path / "c" / "wake.c").read_text() == "mine"


def test_an_empty_folder_is_filled_unless_it_is_the_current_one(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "c"
    out.mkdir()
    with monkeypatch.context() as there:
        there.chdir(out)
        assert main(["compile", str(model), "--out", str(out), "--target", "portable"]) == 1
    assert "is the current folder, which cannot be replaced" in capsys.readouterr().err
    assert out.is_dir()
    assert main(["compile", str(model), "--out", str(out), "--target", "portable"]) == 0
    assert (out / "model.json").exists()


def test_an_empty_name_is_refused(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", str(model), "--out", str(tmp_path / "c"), "--name", ""]) == 1
    assert "name '' is not a lower-case C identifier" in capsys.readouterr().err


def test_a_damaged_file_is_refused_in_one_line_that_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "x.tflite"
    broken.write_bytes(tflite_models.dense_stack()[:3000])
    assert main(["compile", str(broken), "--out", str(tmp_path / "c")]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {broken}: not a whole .tflite")
    assert error.count("\n") == 1
    assert not (tmp_path / "c").exists()


def test_a_missing_file_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", str(tmp_path / "no.tflite"), "--out", str(tmp_path / "c")]) == 1
    assert "No such file" in capsys.readouterr().err


def test_help_names_every_operator_and_target(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["compile", "--help"])
    shown = capsys.readouterr().out
    assert {"CONV_2D", "SOFTMAX", "CALL_ONCE"} < set(OPERATORS)
    assert all(f" {kind}" in shown for kind in OPERATORS)
    assert all(f"{target}:" in " ".join(shown.split()) for target in TARGETS)
