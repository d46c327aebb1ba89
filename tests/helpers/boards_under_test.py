"""Boards as parameters of tests: three quick ones, the others slow."""

import pytest

from stapes.firmware_sim.machines.boards import BOARDS

QUICK = ("cortex-m0", "cortex-m4", "riscv32")
EVERY_BOARD = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in BOARDS]
