"""What several commands ask in the same words."""

import argparse


def add_group_pattern(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the option by which recordings are grouped where no column of the labels does it."""
    parser.add_argument(
        "--group-pattern",
        metavar="REGEX",
        help="recordings in whose names this finds the same text are of one source and never split; "
        f"'^[^_]+' takes what stands before the first _ (default: {default})",
    )
