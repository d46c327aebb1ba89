"""`stapes verify`: check that every machine computes the same."""

import argparse
from pathlib import Path

from stapes.runtime.cli.options import add_channel


def add_verify(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "verify",
        help="check that every machine computes the same",
        description="Run the self-test's sound, and recordings if any are named, on this machine and on every board\n"
        "that it can emulate. Features, scores and events must equal those of LiteRT's reference\n"
        "kernels. The C is generated from the model; what lies in the folder's c/ is not used.",
        epilog="examples:\n  stapes verify dogs.stapes\n  stapes verify dogs.stapes yard.wav",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, help="detector folder")
    parser.add_argument("recordings", type=Path, nargs="*", metavar="recording", help="audio file that is compared too")
    add_channel(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from stapes.runtime.device.verify import verify_command

    return verify_command(arguments.detector, arguments.recordings, arguments.channel)
