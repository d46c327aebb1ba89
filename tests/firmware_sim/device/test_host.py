"""A generated model on this machine: what is not built or run, and the messages."""

from pathlib import Path

import pytest
from compiler_models import tiny_step

from stapes.convert.compile import compile_model
from stapes.firmware_sim.device.host import CompiledModel, build_shared
from stapes.firmware_sim.device.model_description import MODEL_JSON
from stapes.firmware_sim.errors import ToolchainError


def test_a_compiler_in_cc_that_does_not_exist_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(ToolchainError, match=r"there is no program 'no-such-compiler'; install one .* or set CC"):
        build_shared(tmp_path)


def test_c_that_needs_other_memory_than_model_json_states_is_not_run(tmp_path: Path) -> None:
    """Python allocates what model.json states; with less, a step would write behind it."""
    compile_model(tiny_step(), tmp_path, "tiny")
    path = tmp_path / MODEL_JSON
    text = path.read_text()
    ram = CompiledModel(tmp_path).sizes["ram"]
    for wrong in (0, ram - 1, ram + 8):
        path.write_text(text.replace(f'"ram": {ram}', f'"ram": {wrong}'))
        with pytest.raises(ToolchainError, match=r"could not build .*tiny_needs_the_ram_that_model_json_states"):
            CompiledModel(tmp_path)
