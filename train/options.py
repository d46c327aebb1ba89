"""What several commands ask in the same words."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stapes.firmware_sim.device.folder import DetectorFolder


def add_group_pattern(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the option by which recordings are grouped where no column of the labels does it."""
    parser.add_argument(
        "--group-pattern",
        metavar="REGEX",
        help="recordings in whose names this finds the same text are of one source and never split; "
        f"'^[^_]+' takes what stands before the first _ (default: {default})",
    )


def inherited_pattern(given: str | None, folder: "DetectorFolder") -> str:
    """Return the pattern that was given, else the one of training: the parts of a dataset must stay what they were."""
    return str(folder.provenance.get("group_pattern", "")) if given is None else given
