"""`stapes review`: write a detector's mistakes as label tracks and sound clips."""

import argparse
from pathlib import Path

from stapes.runtime.cli.options import add_channel
from stapes.train.cli.options import add_out


def add_review(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command `review`."""
    parser = commands.add_parser(
        "review",
        help="write a detector's mistakes as label tracks and sound clips",
        description="Write Audacity label tracks (reference, detected, missed, false) and sound clips of the worst "
        "mistakes. `stapes labels` turns corrected reference tracks into labels again.",
        epilog="example:\n  stapes review dogs.stapes recordings/ --out mistakes/\n"
        "  stapes labels mistakes/reference/val/*.txt --audio recordings/val --out recordings/val/labels.tsv --update",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, metavar="DETECTOR", help="a detector folder")
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="a folder with audio and labels")
    parser.add_argument("--split", metavar="S", help="train, val, test, or all of them (default: test, else val)")
    parser.add_argument(
        "--clips", type=int, default=50, metavar="N", help="how many clips of the worst mistakes to write (default 50)"
    )
    add_channel(parser, "as in training")
    add_out(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from stapes.train.label.review import review

    review(
        arguments.detector,
        arguments.dataset,
        arguments.split,
        arguments.out,
        arguments.clips,
        arguments.force,
        arguments.channel,
    )
