"""The files for resuming a run: of one run at a time, written completely or not at all, and no row twice."""

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stapes.firmware_sim.errors import OutputError
from stapes.train.learn.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "x.stapes", "key")  # its lock ends with this process


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


@pytest.mark.parametrize("left", [0, 100, -10])
def test_a_damaged_state_says_which_folder_to_remove(workspace: Workspace, left: int) -> None:
    workspace.save("float", {"weights": np.ones(300)})
    file = workspace.path / "float.npz"
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(OutputError, match=r"float\.npz: .* is damaged, .* remove the folder .*\.training and"):
        workspace.load("float")


def test_updates_that_are_done_again_are_in_the_history_once(workspace: Workspace) -> None:
    for phase, step in (("float", 4), ("float", 8), ("quantized", 4)):
        workspace.log({"phase": phase, "step": step})
    workspace.forget("float", 4)
    workspace.forget("quantized", 0)
    workspace.log({"phase": "float", "step": 8})
    assert (workspace.path / "history.csv").read_text() == "phase,step\nfloat,4\nfloat,8\n"


def test_a_second_training_into_one_output_is_refused_until_the_first_ends_however_it_ends(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; import numpy as np\n"
        "from stapes.train.learn.workspace import Workspace\n"
        "workspace = Workspace(Path(sys.argv[1]), 'key')\n"
        "workspace.save('float', {'weights': np.ones(3)})\n"
        "print('begun', flush=True); time.sleep(600)\n"
    )
    out = tmp_path / "x.stapes"
    first = subprocess.Popen([sys.executable, "-c", code, str(out)], stdout=subprocess.PIPE)
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == b"begun\n"
        for key in ("key", "another key"):
            with pytest.raises(OutputError, match=r"x\.stapes: another training writes there; wait until it ends"):
                Workspace(out, key)
    finally:
        first.kill()
        first.communicate()
    second = Workspace(out, "key")
    state = second.load("float")
    assert state is not None, "it goes on from where the first one was killed"
    with pytest.raises(OutputError, match="another training writes there"):
        Workspace(out, "key")
    second.remove()
    second.close()
    assert not second.path.exists()
    third = Workspace(out, "key")
    assert third.load("float") is None
    third.close()


def test_the_state_of_a_run_with_other_settings_is_discarded(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    workspace.save("float", {"weights": np.ones(3)})
    workspace.close()
    other = Workspace(workspace.path.with_name("x.stapes"), "another key")
    assert "other settings or data" in caplog.text
    assert other.load("float") is None
    other.close()
