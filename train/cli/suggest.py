"""`stapes suggest`: proposals of labels for recordings that have none."""

import argparse
from pathlib import Path

from stapes.train.cli.options import add_out


def add_suggest(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "suggest",
        help="proposals of labels for recordings that have none",
        description="Propose label tracks: what stands out of the background, grouped by how it sounds, and what a "
        "trained detector finds. A person corrects them in Audacity.",
        epilog="example:\n  stapes suggest new-recordings/ --out tracks/ --detector dogs.stapes",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="recordings")
    parser.add_argument("--detector", type=Path, metavar="DETECTOR", help="a detector whose events are proposed, too")
    add_out(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from stapes.train.label.suggest import suggest

    suggest(arguments.folder, arguments.out, arguments.detector, arguments.force)
