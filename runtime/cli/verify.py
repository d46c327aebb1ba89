"""`stapes verify`: whether every machine hears the same."""

import argparse
from pathlib import Path


def add_verify(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "verify",
        help="does every machine hear the same?",
        description="Replay the known answers, and recordings if any, on this machine and on every board that it can "
        "emulate; features, scores and events must equal LiteRT's reference kernels. "
        "Builds and runs the C in the folder.",
        epilog="example:\n  stapes verify dogs.stapes\n  stapes verify dogs.stapes yard.wav",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, help="detector folder")
    parser.add_argument("recordings", type=Path, nargs="*", metavar="recording", help="audio file to compare as well")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from stapes.runtime.device.verify import verify_command

    return verify_command(arguments.detector, arguments.recordings)
