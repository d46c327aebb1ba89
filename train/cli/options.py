"""Options that several commands share."""

import argparse
from pathlib import Path


def add_group_pattern(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the option that groups recordings by their names; `default` is for the help text."""
    parser.add_argument(
        "--group-pattern",
        metavar="REGEX",
        help="recordings in whose names this regular expression matches the same text belong to one source and stay in "
        f"one split; '^[^_]+' matches the text before the first _ (default: {default})",
    )


def add_out(parser: argparse.ArgumentParser) -> None:
    """Add the options for the folder that the command writes."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder to write")
    parser.add_argument("--force", action="store_true", help="replace the output of an earlier run")
