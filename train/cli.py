"""Sub-commands of `stapes` that live in this folder; heavy imports happen only when a command runs."""

import argparse
from pathlib import Path


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add this folder's sub-commands."""
    _add_check(commands)


def _add_check(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "check",
        help="what is in a dataset, and what is wrong with it",
        description="Count recordings and events, list every problem by file and line, and say how many events a "
        "detector can tell apart.",
        epilog="example:\n  stapes check recordings/ --step-ms 32",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="a folder with audio and labels")
    parser.add_argument(
        "--step-ms", type=float, default=32.0, metavar="MS", help="time between two scores of the detector (default 32)"
    )
    parser.set_defaults(run=_check)


def _check(arguments: argparse.Namespace) -> None:
    from stapes.train.check import check

    check(arguments.dataset, arguments.step_ms / 1e3)
