"""Options that several commands share."""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from stapes.firmware_sim.errors import ConfigError

if TYPE_CHECKING:
    from stapes.runtime.device.firmware_cost import Budget

FORMATS = ("dcase", "audacity", "csv", "jsonl")


def add_output(parser: argparse.ArgumentParser, default_format: str | None) -> None:
    """Add the options that say where events are written, in which format, and what computes the scores."""
    parser.add_argument("--out", type=Path, metavar="FILE", help="write events here instead of to stdout")
    parser.add_argument("--force", action="store_true", help="replace an existing --out")
    parser.add_argument(
        "--format", choices=FORMATS, default=default_format, help=f"default: {default_format or 'dcase'}"
    )
    parser.add_argument(
        "--engine",
        choices=("auto", "litert", "c"),
        default="auto",
        help="what computes the model: LiteRT, or the detector's own compiled C, which is then built and run here",
    )


def add_boards(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the boards."""
    parser.add_argument(
        "--board",
        action="append",
        metavar="NAME",
        help="cortex-m0, -m3, -m4 (default), -m7, -m33, -m55, riscv32, or all; may be repeated",
    )


def add_budget(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what a board has."""
    parser.add_argument("--flash", metavar="SIZE", help="flash that there is, such as 64K: pass or fail")
    parser.add_argument("--ram", metavar="SIZE", help="RAM that there is, such as 20K: pass or fail")
    parser.add_argument("--mhz", type=float, help="clock of the core: pass or fail")
    parser.add_argument("--cpi", type=float, default=1.5, help="assumed cycles an instruction; default: %(default)s")


def budget_of(arguments: argparse.Namespace) -> "Budget":
    """Return what the board has, as the options say it. Raises ConfigError on a speed that is not above 0."""
    from stapes.firmware_sim.machines.simulation import Pace
    from stapes.runtime.device.firmware_cost import Budget, parse_bytes

    speeds = [arguments.cpi, *([] if arguments.mhz is None else [arguments.mhz])]
    if not all(0 < speed < math.inf for speed in speeds):
        raise ConfigError(f"--mhz {arguments.mhz} and --cpi {arguments.cpi}: need numbers above 0")
    return Budget(
        flash_bytes=None if arguments.flash is None else parse_bytes(arguments.flash),
        ram_bytes=None if arguments.ram is None else parse_bytes(arguments.ram),
        pace=None if arguments.mhz is None else Pace(arguments.mhz, arguments.cpi),
    )
