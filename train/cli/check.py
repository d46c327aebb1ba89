"""`stapes check`: what a dataset contains, and what is wrong with it."""

import argparse
from pathlib import Path

from stapes.runtime.cli.options import add_channel
from stapes.train.cli.options import add_group_pattern


def add_check(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command `check`."""
    parser = commands.add_parser(
        "check",
        help="show what a dataset contains, and what is wrong with it",
        description="Count recordings and events, list every problem with its file and line, and show how many events "
        "a detector can tell apart.",
        epilog="example:\n  stapes check recordings/ --step-ms 32",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="a folder with audio and labels")
    parser.add_argument(
        "--step-ms", type=float, default=32.0, metavar="MS", help="time between two scores of the detector (default 32)"
    )
    add_group_pattern(parser, "none")
    add_channel(parser)
    parser.add_argument(
        "--write-split",
        action="store_true",
        help="write DATASET/split.tsv, so that no recording changes its part when others are added",
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from stapes.train.data.check import check
    from stapes.train.data.options import DatasetOptions

    options = DatasetOptions(arguments.group_pattern or "", arguments.channel)
    check(arguments.dataset, arguments.step_ms / 1e3, options, arguments.write_split)
