"""`stapes bench`: how long each hop takes on this machine, and whether the engines agree."""

import argparse
from pathlib import Path


def add_bench(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "bench",
        help="measure latency per hop and parity on this machine",
        description="Measure how long each stage of a detector takes on this machine, and compare the scores of its\n"
        "engines.",
        epilog="example:\n  stapes bench dogs.stapes",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, help="detector folder")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from stapes.runtime.device.bench import bench

    bench(arguments.detector)
