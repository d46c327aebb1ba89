"""Sub-commands of `stapes` that live in this folder; heavy imports happen only when a command runs."""

import argparse
from pathlib import Path


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add this folder's sub-commands."""
    parser = commands.add_parser(
        "bench",
        help="latency per hop and parity on this machine",
        description="Time a detector's stages per hop on this machine and compare its forms. Its C is built and run.",
        epilog="example:\n  stapes bench dogs.stapes",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, help="detector folder")
    parser.set_defaults(run=_bench)


def _bench(arguments: argparse.Namespace) -> None:
    from stapes.benchmarks.latency import bench

    bench(arguments.detector)
