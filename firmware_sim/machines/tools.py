"""Compilers and emulators: where they are installed, which package has a missing one, what they print on failure."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from stapes.firmware_sim.errors import ToolchainError

_DEBIAN_PACKAGES = {
    "qemu-system-arm": "qemu-system-arm",
    "qemu-system-riscv32": "qemu-system-misc",
    "qemu-system-xtensa": "qemu-system-misc",
    "arm-none-eabi-gcc": "gcc-arm-none-eabi",
    "riscv64-unknown-elf-gcc": "gcc-riscv64-unknown-elf",
    "xtensa-lx106-elf-gcc": "gcc-xtensa-lx106",
    "cc": "gcc",
}


def find_tool(name: str) -> str:
    """Return the path of a program. Raises ToolchainError with the Debian package of a program that is missing."""
    path = shutil.which(name)
    if path is None:
        package = _DEBIAN_PACKAGES.get(name, name)
        raise ToolchainError(f"{name} is not installed: apt-get install {package} (its name on Debian)")
    return path


def call(command: Sequence[str | Path], doing: str) -> str:
    """Run a program and return what it printed to stdout.

    Raises ToolchainError when it fails, with a message that begins with `doing`, such as "linking firmware.elf".
    """
    done = subprocess.run(command, capture_output=True, text=True)
    check(done, doing)
    return done.stdout


def check(done: "subprocess.CompletedProcess[str]", doing: str) -> None:
    """Raise ToolchainError, with the first line of stderr that names an error, when a program failed."""
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if re.search("error|undefined", line, re.I)]
        first = (lines or done.stderr.splitlines() or [f"exit code {done.returncode}"])[0]
        raise ToolchainError(f"{doing} failed: {first.strip()}")
