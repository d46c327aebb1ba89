"""The systemd units are understood by systemd, start a command that exists, and may do little else."""

import argparse
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from page_blocks import ROOT, stapes_commands

from stapes.runtime.main import build_parser

SERVICES = sorted((ROOT / "docs").glob("*.service"))


def _with_broker(text: str) -> str:
    """Return a unit with what its comment says for Home Assistant."""
    [words] = re.findall(r"add to ExecStart.*?: (--to .*)$", text, re.MULTILINE)
    text = re.sub(r"^#(LoadCredential=)", r"\1", text, flags=re.MULTILINE)
    return re.sub(r"^(ExecStart=.*?)('?)$", lambda line: f"{line[1]} {words}{line[2]}", text, flags=re.MULTILINE)


@pytest.mark.parametrize("broker", [False, True], ids=["alone", "with a broker"])
@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_a_unit_is_what_systemd_takes_and_is_exposed_little(service: Path, broker: bool, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    unit = tmp_path / service.name.replace("@", "@yard")
    text = service.read_text(encoding="utf-8")
    text = _with_broker(text) if broker else text
    unit.write_text(text.replace("/opt/stapes/.venv/bin/stapes", "/bin/true"), encoding="utf-8")
    for command in (["verify"], ["security", "--offline=true", "--threshold=25"]):
        done = subprocess.run(["systemd-analyze", *command, str(unit)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert service.name.split(".")[0].split("@")[0] not in done.stderr, done.stderr


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_a_unit_starts_a_command_that_the_parser_understands(service: Path) -> None:
    text = service.read_text(encoding="utf-8")
    alone, with_broker = (_arguments(each) for each in (text, _with_broker(text)))
    assert alone.to
    [credential] = re.findall(r"^LoadCredential=([\w-]+):", _with_broker(text), re.MULTILINE)
    assert (with_broker.home_assistant, with_broker.login) == (True, Path("%d") / credential)


def _arguments(text: str) -> argparse.Namespace:
    """Return what the parser makes of the command that a unit starts."""
    [start] = re.findall(r"^ExecStart=(?:/usr/bin/env |/bin/sh -c ')(.*?)'?$", text, re.MULTILINE)
    [words] = stapes_commands(start)
    return build_parser().parse_args(words)
