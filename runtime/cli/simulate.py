"""`stapes simulate`: a recording on an emulated microcontroller."""

import argparse
from pathlib import Path

from stapes.runtime.cli.options import add_boards, add_budget, board_names, budget_of


def add_simulate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "simulate",
        help="a recording on an emulated microcontroller",
        description="Build real firmware of a detector, run a recording through it under QEMU, print its events as "
        "they leave the UART, then instructions by stage, flash, RAM and stack. Builds and runs the C in the folder.",
        epilog="example:\n  stapes simulate dogs.stapes yard.wav --board cortex-m4\n"
        "  stapes simulate dogs.stapes yard.wav --board m0 --flash 64K --ram 16K --mhz 48 --cpi 2.0 --paced",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, help="detector folder")
    parser.add_argument("recording", type=Path, help="audio file")
    add_boards(parser)
    parser.add_argument(
        "--paced",
        action="store_true",
        help="audio does not wait: a timer interrupt delivers hops like a DMA, at the speed that --mhz and --cpi give",
    )
    parser.add_argument("--json", action="store_true", help="figures as one JSON object a board")
    add_budget(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from stapes.runtime.device.simulate import SimulateSettings, simulate_command

    return simulate_command(
        SimulateSettings(
            detector=arguments.detector,
            recording=arguments.recording,
            boards=board_names(arguments),
            paced=arguments.paced,
            as_json=arguments.json,
            budget=budget_of(arguments),
        )
    )
