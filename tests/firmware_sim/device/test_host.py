"""A generated model on this machine: the message when it cannot be built."""

from pathlib import Path

import pytest

from stapes.firmware_sim.device.host import build_shared
from stapes.firmware_sim.errors import ToolchainError


def test_a_compiler_in_cc_that_does_not_exist_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(ToolchainError, match=r"there is no program 'no-such-compiler'; install one .* or set CC"):
        build_shared(tmp_path)
