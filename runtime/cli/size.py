"""`stapes size`: print flash, RAM and instructions per layer."""

import argparse
from pathlib import Path

from stapes.runtime.cli.options import add_boards, add_budget, board_names, budget_of


def add_size(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "size",
        help="print flash, RAM and instructions per layer",
        description="Print the flash, RAM and instructions (counted under QEMU; these are not cycles) that each layer\n"
        "of the model and each part of the detector needs on a board.",
        epilog="example:\n  stapes size dogs.stapes --board cortex-m0 --flash 64K --ram 16K --mhz 48 --cpi 2.0",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, help="detector folder")
    add_boards(parser)
    add_budget(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from stapes.runtime.device.size import size_command

    return size_command(arguments.detector, board_names(arguments), budget_of(arguments))
