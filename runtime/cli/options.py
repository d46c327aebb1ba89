"""Options that several sub-commands share."""

import argparse
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

from stapes.firmware_sim.errors import ConfigError
from stapes.firmware_sim.machines.boards import BOARDS
from stapes.runtime.engine import AUTO, ENGINE_CHOICES, ENGINES
from stapes.runtime.labels import EVENT_FORMATS

if TYPE_CHECKING:
    from stapes.runtime.device.firmware_cost import Budget

DEFAULT_BOARD = "cortex-m4"
DEFAULT_CPI = 1.5


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
        help=f"what computes the model. {explained}; {AUTO} (default): the C if it was compiled on this machine "
        "before, else LiteRT",
    )


def add_sensitivity(parser: argparse.ArgumentParser) -> None:
    """Add the option that makes classes hear more or less; `sensitivity_of` reads it."""
    parser.add_argument(
        "--sensitivity",
        action="append",
        default=[],
        metavar="CLASS=STEPS",
        help="let a class hear more (rooster=2) or less (rooster=-2) than its operating point; a step moves its "
        "thresholds by a quarter of a logit, from a probability of 0.50 to 0.44 (+1) or 0.56 (-1); may be repeated",
    )


def sensitivity_of(arguments: argparse.Namespace) -> dict[str, int]:
    """Return the steps of each class that --sensitivity names.

    Raises ConfigError for a text that is not CLASS=STEPS, and for a class that is named twice.
    """
    steps: dict[str, int] = {}
    for text in arguments.sensitivity:
        label, _, number = text.rpartition("=")
        if not label or not re.fullmatch(r"[+-]?[0-9]{1,3}", number):
            raise ConfigError(f"--sensitivity {text}: need a class and a whole number of steps, such as rooster=-2")
        if label in steps:
            raise ConfigError(f"--sensitivity {text}: {label} has {steps[label]:+d} already; name each class once")
        steps[label] = int(number)
    return steps


def add_channel(parser: argparse._ActionsContainer, default: str = "") -> None:
    """Add the option that chooses the channel of recordings.

    Without `default`, which is for the help text, it is the mean of all channels, and the option gives an int or None.
    Otherwise it may also give "mean", and None stands for this default.
    """
    parser.add_argument(
        "--channel",
        type=_channel_or_mean if default else int,
        metavar="N|mean" if default else "N",
        help=f"use this channel, counted from 1, or the mean of all; default: {default}"
        if default
        else "use this channel, counted from 1; default: the mean of all",
    )


def _channel_or_mean(text: str) -> int | str:
    if text != "mean" and not re.fullmatch(r"[1-9][0-9]{0,3}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither the number of a channel, counted from 1, nor `mean`")
    return text if text == "mean" else int(text)


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
    parser.add_argument("--cpi", type=float, help=f"assumed cycles per instruction; default: {DEFAULT_CPI}")


def budget_of(arguments: argparse.Namespace) -> "Budget":
    """Return the budget that the options of `add_budget` give.

    Raises ConfigError for a speed that is not above 0 or is infinite, and for a text that is not a size.
    """
    from stapes.firmware_sim.machines.simulation import Pace
    from stapes.runtime.device.firmware_cost import Budget, parse_bytes

    cpi = DEFAULT_CPI if arguments.cpi is None else arguments.cpi
    speeds = [cpi, *([] if arguments.mhz is None else [arguments.mhz])]
    if not all(0 < speed < math.inf for speed in speeds):
        mhz = "" if arguments.mhz is None else f"--mhz {arguments.mhz:g} and "
        raise ConfigError(f"{mhz}--cpi {cpi:g}: a speed must be above 0 and finite; correct it")
    if arguments.cpi is not None and arguments.mhz is None:
        raise ConfigError(f"--cpi {cpi:g} needs --mhz, the clock of the core; add it, or leave --cpi out")
    return Budget(
        flash_bytes=None if arguments.flash is None else parse_bytes(arguments.flash),
        ram_bytes=None if arguments.ram is None else parse_bytes(arguments.ram),
        pace=None if arguments.mhz is None else Pace(arguments.mhz, cpi),
    )
