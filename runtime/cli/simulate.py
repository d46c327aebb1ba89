"""`stapes simulate`: run a recording through an emulated microcontroller."""

import argparse
from pathlib import Path

from stapes.runtime.cli.options import add_boards, add_budget, add_channel, board_names, budget_of


def add_simulate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "simulate",
        help="run a recording through an emulated microcontroller",
        description="Build a detector's firmware, run a recording through it under QEMU and print its events as\n"
        "they leave the UART, then the instructions and cycles of each stage, flash, RAM and stack.",
        epilog="examples:\n  stapes simulate dogs.stapes yard.wav --board cortex-m4\n"
        "  stapes simulate dogs.stapes yard.wav --board m0 --flash 64K --ram 16K --mhz 48 --cpi 2.0 --paced\n"
        "  stapes simulate dogs.stapes yard.wav --board m55 --profile profile.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, help="detector folder")
    parser.add_argument("recording", type=Path, help="audio file")
    add_channel(parser)
    add_boards(parser)
    parser.add_argument(
        "--paced",
        action="store_true",
        help="a timer interrupt delivers hops, like a DMA that does not wait; --mhz and --cpi give the core's speed",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object per board")
    parser.add_argument(
        "--profile",
        type=Path,
        metavar="FILE",
        help="also print instructions and cycles by layer and by function, and write them as JSON for speedscope",
    )
    parser.add_argument("--force", action="store_true", help="replace an existing --profile")
    add_budget(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from stapes.runtime.device.simulate import SimulateSettings, simulate_command

    return simulate_command(
        SimulateSettings(
            detector=arguments.detector,
            recording=arguments.recording,
            channel=arguments.channel,
            boards=board_names(arguments),
            paced=arguments.paced,
            as_json=arguments.json,
            profile=arguments.profile,
            force=arguments.force,
            budget=budget_of(arguments),
        )
    )
