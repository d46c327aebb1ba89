"""`stapes inbox`: sort clips of `stapes listen --record` into material for the next training."""

import argparse
from pathlib import Path


def add_inbox(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command `inbox`."""
    parser = commands.add_parser(
        "inbox",
        help="sort what woke a device into material for the next training",
        description="Print the clips of `stapes listen --record` that wait to be sorted, as a table with an empty "
        "column `verdict`. With --verdicts, sort them: right ones become labels in the dataset, wrong ones recordings "
        "without events, and the clips of one day in five are set aside for judging.",
        epilog="example:\n  stapes inbox clips/ --dataset recordings/ > verdicts.tsv\n"
        "  stapes inbox clips/ --dataset recordings/ --verdicts verdicts.tsv",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("clips", type=Path, metavar="CLIPS", help="the folder of `stapes listen --record`")
    parser.add_argument("--dataset", type=Path, required=True, metavar="DATASET", help="where sorted clips go")
    parser.add_argument(
        "--verdicts",
        type=Path,
        metavar="FILE",
        help="a table with the columns clip, verdict (right, wrong, other, unsure, undo; empty: not yet) and, for "
        "`other`, label",
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from stapes.train.label.verdicts import print_waiting, sort_by_table

    if arguments.verdicts:
        sort_by_table(arguments.clips, arguments.dataset, arguments.verdicts)
    else:
        print_waiting(arguments.clips, arguments.dataset)
