"""`stapes suggest`: propose labels for recordings that have none."""

import argparse
from pathlib import Path

from stapes.runtime.cli.options import add_channel
from stapes.train.cli.options import add_out


def add_suggest(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command `suggest`."""
    parser = commands.add_parser(
        "suggest",
        help="propose labels for recordings that have none",
        description="Propose label tracks with what stands out from the background, grouped by similar sound, and with "
        "the events of a trained detector. Correct them in Audacity.",
        epilog="example:\n  stapes suggest new-recordings/ --out tracks/ --detector dogs.stapes",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a folder of recordings")
    parser.add_argument("--detector", type=Path, metavar="DETECTOR", help="also propose the events of this detector")
    add_channel(parser, "as in the training of --detector, otherwise the mean")
    add_out(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from stapes.train.label.suggest import suggest

    suggest(arguments.folder, arguments.out, arguments.detector, arguments.force, arguments.channel)
