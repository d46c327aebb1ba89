"""`stapes synth`: write a synthetic dataset with exact labels."""

import argparse
from pathlib import Path

from stapes.firmware_sim.errors import ConfigError, OutputError

EXAMPLE = """example:
  stapes synth sounds/
  stapes train sounds/ --out pops.stapes
"""


def add_synth(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command `synth`."""
    parser = commands.add_parser(
        "synth",
        help="synthesize labelled sounds to try things on",
        description="Write a synthetic dataset of pops, beeps and cracks over noise, in train/, val/ and test/. "
        "Nothing is downloaded.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="a new folder")
    parser.add_argument(
        "--minutes",
        type=float,
        default=20.0,
        help="length of the training recordings (default 20); val and test get a fifth each",
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed gives other sounds (default 1)")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from stapes.train.data.soundscapes import CLASSES, standard_splits, synthesize

    if not 0.5 <= arguments.minutes <= 10_000:
        raise ConfigError(f"--minutes {arguments.minutes:g}: need 0.5 to 10000")
    if arguments.folder.exists():
        raise OutputError(f"{arguments.folder} exists already; give the name of a new folder")
    splits = standard_splits(arguments.minutes)
    synthesize(arguments.folder, splits, arguments.seed)
    print(f"{arguments.folder}: {sum(each.recordings for each in splits)} recordings of {', '.join(CLASSES)}")
