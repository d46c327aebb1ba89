"""Options that several sub-commands share."""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from stapes.firmware_sim.errors import ConfigError
from stapes.firmware_sim.machines.boards import BOARDS
from stapes.runtime.engine import AUTO, ENGINE_CHOICES, ENGINES
from stapes.runtime.labels import EVENT_FORMATS

if TYPE_CHECKING:
    from stapes.runtime.device.firmware_cost import Budget

DEFAULT_BOARD = "cortex-m4"


def add_output(parser: argparse.ArgumentParser, default_format: str | None) -> None:
    """Add the options for the output file, its format and the engine; `default_format` None: the command chooses."""
    parser.add_argument("--out", type=Path, metavar="FILE", help="write events to this file instead of to stdout")
    parser.add_argument("--force", action="store_true", help="replace an existing --out")
    parser.add_argument(
        "--format",
        choices=EVENT_FORMATS,
        default=default_format,
        help=f"format of the events; default: {default_format or 'dcase'}",
    )
    explained = "; ".join(f"{name}: {kind.help}" for name, kind in ENGINES.items())
    parser.add_argument(
        "--engine",
        choices=ENGINE_CHOICES,
        default=AUTO,
        help=f"what computes the model. {explained}; {AUTO} (default): the C library if exactly this one was compiled "
        "on this machine before, else LiteRT",
    )


def add_boards(parser: argparse.ArgumentParser) -> None:
    """Add the option that names boards; `board_names` reads it."""
    parser.add_argument(
        "--board",
        action="append",
        metavar="NAME",
        help=f"{', '.join(BOARDS)}, or all; default: {DEFAULT_BOARD}; may be repeated",
    )


def board_names(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Return the names of the boards that were asked for."""
    return tuple(arguments.board or [DEFAULT_BOARD])


def add_budget(parser: argparse.ArgumentParser) -> None:
    """Add the options for the size and speed of a board; `budget_of` reads them."""
    parser.add_argument("--flash", metavar="SIZE", help="flash of the board, such as 64K; fail if it is too small")
    parser.add_argument("--ram", metavar="SIZE", help="RAM of the board, such as 20K; fail if it is too small")
    parser.add_argument("--mhz", type=float, help="clock of the core in MHz; fail if it is too slow")
    parser.add_argument("--cpi", type=float, default=1.5, help="assumed cycles per instruction; default: %(default)s")


def budget_of(arguments: argparse.Namespace) -> "Budget":
    """Return the budget that the options of `add_budget` give.

    Raises ConfigError for a speed that is not above 0 or is infinite, and for a text that is not a size.
    """
    from stapes.firmware_sim.machines.simulation import Pace
    from stapes.runtime.device.firmware_cost import Budget, parse_bytes

    speeds = [arguments.cpi, *([] if arguments.mhz is None else [arguments.mhz])]
    if not all(0 < speed < math.inf for speed in speeds):
        mhz = "" if arguments.mhz is None else f"--mhz {arguments.mhz:g} and "
        raise ConfigError(f"{mhz}--cpi {arguments.cpi:g}: a speed must be above 0 and finite; correct it")
    return Budget(
        flash_bytes=None if arguments.flash is None else parse_bytes(arguments.flash),
        ram_bytes=None if arguments.ram is None else parse_bytes(arguments.ram),
        pace=None if arguments.mhz is None else Pace(arguments.mhz, arguments.cpi),
    )
