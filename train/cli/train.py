"""`stapes train`: train a detector on labelled recordings."""

import argparse
import logging
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.cli.options import add_channel
from stapes.train.cli.config_comments import with_comments
from stapes.train.cli.options import add_group_pattern, limit_options
from stapes.train.cli.training_settings import training_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stapes.train.data.dataset import Dataset
    from stapes.train.settings import OperatingPointSettings

logger = logging.getLogger(__name__)

EXAMPLE = """example:
  stapes train recordings/ --out dogs.stapes
  stapes train recordings/ --out dogs.stapes --backbone yamnet      # after: stapes backbone fetch yamnet
  stapes train recordings/ --out quieter.stapes --from dogs.stapes --background hours-without-dogs/
  stapes train recordings/ --out small.stapes --teacher dogs.stapes --unlabelled more-hours/
  stapes train --print-config --size medium > settings.toml         # every setting with its default
  stapes train recordings/ --out dogs.stapes --config settings.toml --seed 2 --tensorboard logs/
To continue a run that was stopped, give the same command again.
"""


def add_train(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command `train`."""
    parser = commands.add_parser(
        "train",
        help="train a detector on labelled recordings",
        description="Train in float, then quantization-aware, and write the detector folder.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dataset", type=Path, nargs="?", metavar="DATASET", help="folder of recordings and labels")
    parser.add_argument("--out", type=Path, metavar="NAME.stapes", help="the detector folder to write")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE.toml",
        help="settings; those it leaves out keep their defaults, with --from those of the detector",
    )
    parser.add_argument(
        "--size", choices=("small", "medium", "large"), help="of the network (default small, with a backbone medium)"
    )
    parser.add_argument(
        "--backbone", metavar="FILE|yamnet", help="begin with pretrained layers; see `stapes backbone --help`"
    )
    parser.add_argument(
        "--backbone-layers", type=int, metavar="N", help="how many of its layers (default: as many as suit the size)"
    )
    parser.add_argument(
        "--background",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="recordings without any event, to learn what is none; may be repeated",
    )
    parser.add_argument(
        "--from",
        dest="start",
        type=Path,
        metavar="OTHER.stapes",
        help="go on from this detector's weights in a few minutes, with more recordings or a background; thresholds "
        "are chosen anew, with the limits of the last `stapes tune`",
    )
    parser.add_argument(
        "--teacher",
        type=Path,
        metavar="BIG.stapes",
        help="also learn the scores of this detector, which is larger and has the same classes",
    )
    parser.add_argument(
        "--unlabelled",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="with --teacher: recordings without labels, to learn its scores there; may be repeated",
    )
    add_group_pattern(parser, "none, with --from or --teacher as in its training")
    add_channel(parser, "as in the settings, which is the mean unless changed")
    parser.add_argument("--seed", type=int, help="replaces the seed of the settings")
    parser.add_argument("--tensorboard", type=Path, metavar="DIR", help="also write training curves for TensorBoard")
    parser.add_argument("--print-config", action="store_true", help="print every setting, with what it does, and stop")
    parser.add_argument("--force", action="store_true", help="replace an existing detector")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from stapes.firmware_sim.device.folder import MARK, read_folder
    from stapes.train.settings import write_settings

    start = read_folder(arguments.start) if arguments.start else None
    settings = training_settings(arguments, start)
    if arguments.print_config:
        print(with_comments(write_settings(settings)), end="")
        return
    if arguments.dataset is None or arguments.out is None:
        raise ConfigError("train needs DATASET and --out NAME.stapes; `stapes train --help` shows an example")
    from stapes.firmware_sim.outputs import require_new_folder
    from stapes.train.data.background import open_background, open_unlabelled, split_background, without_copies
    from stapes.train.data.dataset import open_dataset
    from stapes.train.data.findings import log_notes
    from stapes.train.data.options import DatasetOptions, channel_number
    from stapes.train.data.training_split import inherited_options
    from stapes.train.learn.sources import Sources

    require_new_folder(arguments.out, arguments.force, MARK)
    teacher = read_folder(arguments.teacher) if arguments.teacher else None
    if former := start or teacher:
        options = inherited_options(arguments.group_pattern, settings.channel, former)
    else:
        options = DatasetOptions(arguments.group_pattern or "", channel_number(settings.channel))
    dataset = open_dataset(arguments.dataset, options)
    log_notes(dataset.notes)
    known = {content for each in (start, teacher) if each for content in each.provenance.get("trained_on", ())}
    quiet = without_copies(open_background(arguments.background, options.channel))
    sources = Sources(
        background=split_background(quiet, known),
        start=start,
        teacher=teacher,
        unlabelled=tuple(open_unlabelled(arguments.unlabelled, options.channel)),
    )
    from stapes.train.run import train_detector  # loads TensorFlow

    folder = train_detector(
        dataset,
        arguments.out,
        settings,
        sources,
        force=arguments.force,
        tensorboard=arguments.tensorboard,
    )
    reached = folder.scores["val"]
    print(f"{arguments.out}: macro event F1 {reached['macro_f1_onset']['value']:.3f} by onset on val")
    for line in _next_steps(dataset, arguments.out, settings.operating_point):
        logger.info(line)


def _next_steps(dataset: "Dataset", out: Path, point: "OperatingPointSettings") -> "Iterator[str]":
    """Yield what to do with the new detector, and what to expect of it."""
    detector, recordings = quote(str(out)), quote(str(dataset.path))
    if "test" in dataset.splits:
        yield f"next: `stapes evaluate {detector} {recordings}` judges it on test, which it has not heard"
    else:
        yield (
            f"next: `stapes listen {detector}` hears with it; recordings in {recordings}/test/, which it was not "
            f"trained on, are judged by `stapes evaluate {detector} {recordings}`"
        )
    # Without a limit a background chooses no threshold, and what is not given again is dropped.
    if not point.false_alarms_per_hour and not any(point.false_alarms_per_hour_of_class.values()):
        point = replace(point, false_alarms_per_hour=10.0)
    yield (
        "expect fewer hits and more false alarms in other rooms and with other microphones: record an hour there "
        f"without events, and `stapes tune {detector} {recordings} {limit_options(point)} --background HOUR/` chooses "
        "thresholds that keep this limit there, too; "
        "docs/too-little-too-much.md says what else helps"
    )
