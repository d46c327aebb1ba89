"""`stapes bench`: latency per hop and parity on this machine."""

import argparse
from pathlib import Path


def add_bench(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "bench",
        help="latency per hop and parity on this machine",
        description="Time a detector's stages per hop on this machine and compare its forms. Its C is built and run.",
        epilog="example:\n  stapes bench dogs.stapes",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, help="detector folder")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from stapes.runtime.device.bench import bench

    bench(arguments.detector)
