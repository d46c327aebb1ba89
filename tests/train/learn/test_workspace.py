"""The files for resuming a run: written completely or not at all, and no row of the history twice."""

import resource
from pathlib import Path

import numpy as np
import pytest

from stapes.firmware_sim.errors import OutputError
from stapes.train.learn.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "x.stapes", "key")


def test_a_full_disk_leaves_the_older_state_and_nothing_half_written(workspace: Workspace) -> None:
    workspace.save("float", {"weights": np.ones(3)})
    workspace.log({"phase": "float", "step": 4})
    before = {path.name: path.read_bytes() for path in workspace.path.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
    try:
        with pytest.raises(OutputError, match=r"float\.npz: cannot be written: .*; make room and run again"):
            workspace.save("float", {"weights": np.zeros(10_000)})
        with pytest.raises(OutputError, match=r"history\.csv: cannot be written"):
            workspace.log({"phase": "float", "step": 8})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path.name: path.read_bytes() for path in workspace.path.iterdir()} == before


def test_updates_that_are_done_again_are_in_the_history_once(workspace: Workspace) -> None:
    for phase, step in (("float", 4), ("float", 8), ("quantized", 4)):
        workspace.log({"phase": phase, "step": step})
    workspace.forget("float", 4)
    workspace.forget("quantized", 0)
    workspace.log({"phase": "float", "step": 8})
    assert (workspace.path / "history.csv").read_text() == "phase,step\nfloat,4\nfloat,8\n"
