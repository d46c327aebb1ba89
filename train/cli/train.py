"""`stapes train`: train a detector on labelled recordings."""

import argparse
from dataclasses import replace
from pathlib import Path

from stapes.firmware_sim.errors import ConfigError
from stapes.train.cli.config_comments import with_comments
from stapes.train.cli.options import add_group_pattern

EXAMPLE = """example:
  stapes train recordings/ --out dogs.stapes
  stapes train recordings/ --out dogs.stapes --backbone yamnet      # after: stapes backbone fetch yamnet
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
        "--config", type=Path, metavar="FILE.toml", help="settings; those it leaves out keep their defaults"
    )
    parser.add_argument(
        "--size", choices=("small", "medium", "large"), help="of the network (default small, with --backbone medium)"
    )
    parser.add_argument(
        "--backbone", metavar="FILE|yamnet", help="begin with pretrained layers; see `stapes backbone --help`"
    )
    parser.add_argument("--backbone-layers", type=int, metavar="N", help="how many of its layers (default 6)")
    parser.add_argument(
        "--background",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="recordings without any event, to learn what is none; may be repeated",
    )
    add_group_pattern(parser, "none")
    parser.add_argument("--seed", type=int, help="replaces the seed of the settings")
    parser.add_argument("--tensorboard", type=Path, metavar="DIR", help="also write training curves for TensorBoard")
    parser.add_argument("--print-config", action="store_true", help="print every setting, with what it does, and stop")
    parser.add_argument("--force", action="store_true", help="replace an existing detector")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from stapes.train.learn.sizes import Size, settings_of
    from stapes.train.settings import read_settings, write_settings

    size: Size = arguments.size or ("medium" if arguments.backbone else "small")
    settings = settings_of(size, arguments.backbone or "", arguments.backbone_layers)
    if arguments.config:
        settings = read_settings(arguments.config, settings)
    if arguments.seed is not None:
        settings = replace(settings, seed=arguments.seed)
    if arguments.print_config:
        print(with_comments(write_settings(settings)), end="")
        return
    if arguments.dataset is None or arguments.out is None:
        raise ConfigError("train needs DATASET and --out NAME.stapes; `stapes train --help` shows an example")
    from stapes.firmware_sim.device.folder import MARK
    from stapes.firmware_sim.outputs import require_new_folder
    from stapes.train.data.background import open_background
    from stapes.train.data.dataset import open_dataset
    from stapes.train.data.findings import log_notes

    require_new_folder(arguments.out, arguments.force, MARK)
    dataset = open_dataset(arguments.dataset, arguments.group_pattern or "")
    log_notes(dataset.notes)
    background = open_background(arguments.background)
    from stapes.train.run import train_detector  # loads TensorFlow

    folder = train_detector(
        dataset,
        arguments.out,
        settings,
        background=background,
        force=arguments.force,
        tensorboard=arguments.tensorboard,
    )
    reached = folder.scores["val"]
    print(f"{arguments.out}: macro event F1 {reached['macro_f1_onset']['value']:.3f} by onset on val")
