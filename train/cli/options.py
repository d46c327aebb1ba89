"""What several commands ask in the same words."""

import argparse
from pathlib import Path


def add_group_pattern(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the option by which recordings are grouped where no column of the labels does it."""
    parser.add_argument(
        "--group-pattern",
        metavar="REGEX",
        help="recordings in whose names this finds the same text are of one source and never split; "
        f"'^[^_]+' takes what stands before the first _ (default: {default})",
    )


def add_out(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the folder to write."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--force", action="store_true", help="replace what an earlier run wrote there")
