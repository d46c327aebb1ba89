"""The systemd units are understood by systemd, start a command that exists, and may do little else."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from page_blocks import ROOT, stapes_commands

from stapes.runtime.main import build_parser

SERVICES = sorted((ROOT / "docs").glob("*.service"))


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_a_unit_is_what_systemd_takes_and_is_exposed_little(service: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    unit = tmp_path / service.name.replace("@", "@yard")
    text = service.read_text(encoding="utf-8")
    unit.write_text(text.replace("/opt/stapes/.venv/bin/stapes", "/bin/true"), encoding="utf-8")
    for command in (["verify"], ["security", "--offline=true", "--threshold=25"]):
        done = subprocess.run(["systemd-analyze", *command, str(unit)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert service.name.split(".")[0].split("@")[0] not in done.stderr, done.stderr


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_a_unit_starts_a_command_that_the_parser_understands(service: Path) -> None:
    [start] = re.findall(r"^ExecStart=(?:/usr/bin/env |/bin/sh -c ')(.*?)'?$", service.read_text(), re.MULTILINE)
    [words] = stapes_commands(start)
    assert callable(build_parser().parse_args(words).run)
