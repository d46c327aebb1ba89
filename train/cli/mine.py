"""`stapes mine`: cut out the false alarms in recordings without events, for the next training."""

import argparse
from pathlib import Path

from stapes.runtime.cli.options import add_channel
from stapes.train.cli.options import add_out


def add_mine(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command `mine`."""
    parser = commands.add_parser(
        "mine",
        help="cut out false alarms in recordings without events, for the next training",
        description="Find false alarms in recordings that are known to hold no events, and cut them out as hard "
        "negatives: audio with empty label tracks.",
        epilog="example:\n  stapes mine dogs.stapes a-quiet-night/ --out recordings/train/mined",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, metavar="DETECTOR", help="a detector folder")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="recordings without any event of the classes")
    add_channel(parser, "as in training")
    add_out(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from stapes.train.label.mine import mine

    mine(arguments.detector, arguments.folder, arguments.out, arguments.force, arguments.channel)
