"""`stapes tune`: choose another operating point for an existing detector."""

import argparse
import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stapes.firmware_sim.errors import ConfigError, DatasetError
from stapes.runtime.cli.options import add_channel
from stapes.train.cli.options import (
    add_background,
    add_changed_detector,
    add_collar_percent,
    add_group_pattern,
    former_limits,
    limit_options,
    require_writable,
    settings_of_training,
    write_changed_detector,
)
from stapes.train.cli.tune_tables import Reached, print_expected, print_here

if TYPE_CHECKING:
    from stapes.firmware_sim.device.events import EventConfig
    from stapes.firmware_sim.device.folder import DetectorFolder
    from stapes.train.data.dataset import Dataset, Recording
    from stapes.train.data.options import DatasetOptions
    from stapes.train.settings import OperatingPointSettings

logger = logging.getLogger(__name__)

EXAMPLE = """example:
  stapes tune dogs.stapes recordings/                              # best event F1
  stapes tune dogs.stapes recordings/ --false-alarms-per-hour 2
  stapes tune dogs.stapes recordings/ --false-alarms-per-day 10 --false-alarms-per-day siren=0.5
  stapes tune dogs.stapes recordings/ --false-alarms-per-hour 2 --background quiet-day/ --out quiet-dogs.stapes
  stapes tune dogs.stapes recordings/ --threshold siren=0.8        # of this class alone, by hand
Thresholds look better on the recordings that they were chosen on than on others. The scores to
expect on other recordings are therefore computed on sources that were held out.
What is tried is in the lists of [operating_point] in NAME.stapes/training/settings.toml, as in training.
"""


def add_tune(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command `tune`."""
    parser = commands.add_parser(
        "tune",
        help="choose thresholds for a limit of false alarms, or for the best event F1",
        description="Choose thresholds, hysteresis, smoothing and durations for each class on labelled recordings.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, metavar="NAME.stapes")
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="folder of recordings and labels")
    parser.add_argument("--split", default="val", help="the split to choose on (default val)")
    for unit in ("hour", "day"):
        parser.add_argument(
            f"--false-alarms-per-{unit}",
            action="append",
            default=[],
            metavar="N|CLASS=N",
            help="limit of false alarms, which touch no event, for each class or for one; can be given several times "
            "(default: no limit, best F1)",
        )
    add_background(parser)
    parser.add_argument(
        "--hits",
        choices=("onset", "overlap"),
        help="what counts as heard: a beginning within 200 ms, for clicks and coughs, or half of the event, in pieces "
        "or late, for cries, alarms and hums (default: as in training, which is onset unless changed)",
    )
    add_collar_percent(parser, None, "as in training, which is 0 unless changed")
    parser.add_argument(
        "--silent", action="append", default=[], metavar="CLASS", help="a class that shall never give an event"
    )
    parser.add_argument(
        "--threshold",
        action="append",
        default=[],
        metavar="CLASS=P",
        help="set the on threshold of this class to a probability by hand, leave all other settings and classes as "
        "they are, and choose nothing; can be given several times",
    )
    parser.add_argument(
        "--silence-unmet",
        action="store_true",
        help="silence each class that cannot meet its limit (default: it stays as it was)",
    )
    add_group_pattern(parser, "as in training")
    add_channel(parser, "as in training")
    add_changed_detector(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    """Choose the event settings and write them; only detector.json changes."""
    from stapes.firmware_sim.device.events import SILENT
    from stapes.firmware_sim.device.folder import read_folder
    from stapes.train.data.training_split import inherited_options
    from stapes.train.judge.adaptation import adaptation_kept
    from stapes.train.judge.by_hand import with_thresholds
    from stapes.train.judge.candidates import Candidates
    from stapes.train.judge.metrics import onset_collar
    from stapes.train.judge.operating_point import OperatingPoint, alarm_rate
    from stapes.train.judge.overlap import content_ids
    from stapes.train.judge.scored import event_scores_of, features_of, score_recordings

    require_writable(arguments)
    folder = read_folder(arguments.detector)
    by_hand = _thresholds(arguments)
    settings = _settings(arguments, folder)
    options = inherited_options(arguments.group_pattern, arguments.channel, folder)
    dataset = _dataset(arguments, folder, options)
    recordings = dataset.splits[arguments.split]
    _warn_of_trained_on(folder, recordings, chooses=not by_hand)
    if not by_hand:
        _warn_of_limits(arguments, folder, settings)
    quiet = _background(arguments, folder, dataset, options.channel)
    changed = with_thresholds(folder, by_hand, [*recordings, *quiet], arguments.split) if by_hand else None
    scored = score_recordings(folder, recordings, features_of(folder, recordings))
    background = score_recordings(folder, quiet, features_of(folder, quiet)) if quiet else None
    collar = onset_collar(settings.collar_percent)

    def reached(configs: "Sequence[EventConfig]") -> Reached:
        rates = {
            label: alarm_rate(Candidates(scored, label, settings, background), config)
            for label, config in zip(folder.classes, configs, strict=True)
        }
        return Reached(configs, event_scores_of(scored, recordings, configs, collar), rates)

    if changed:
        print_here(arguments.split, folder.classes, reached(folder.events), reached(changed.events))
        write_changed_detector(changed, arguments)
        return
    point = OperatingPoint(scored, settings, background=background, former=folder.events)
    to_expect = point.expected_on_other_sources()
    print_here(arguments.split, folder.classes, reached(folder.events), reached(point.configs))
    heard = [label for label, config in zip(folder.classes, point.configs, strict=True) if config != SILENT]
    print_expected(heard, to_expect, point.alarms_on_other_sources())
    for line in point.warnings():
        logger.warning(line)
    chosen_on = {*content_ids([*recordings, *quiet])}
    if point.left_alone:  # their thresholds were chosen on those of before
        chosen_on |= {*folder.operating_point.get("recordings", ())}
    described = point.describe(arguments.split, to_expect) | {"recordings": sorted(chosen_on)}
    described |= adaptation_kept(folder, point.left_alone)
    write_changed_detector(replace(folder, events=point.configs, operating_point=described), arguments)


def _warn_of_trained_on(folder: "DetectorFolder", recordings: "Sequence[Recording]", chooses: bool) -> None:
    """Warn of recordings that the detector was trained on; `chooses`: whether thresholds are chosen on them."""
    from stapes.train.judge.overlap import trained_on_warning

    if known := trained_on_warning(folder, recordings):
        expected = ', and those headed "on other recordings" hold for none' * chooses
        logger.warning(f"{known}{expected}; thresholds chosen on them for the best F1 come out too high for others")


def _warn_of_limits(
    arguments: argparse.Namespace, folder: "DetectorFolder", settings: "OperatingPointSettings"
) -> None:
    """Warn of a background that chooses no threshold, and of limits and silent classes that are not given again."""
    if arguments.background and not any(map(settings.budget, folder.classes)):
        logger.warning(
            "--background: false alarms are only counted in these recordings; with a limit, such as "
            "--false-alarms-per-hour 10, thresholds are chosen by them, too"
        )
    if dropped := _dropped(folder, settings):
        logger.warning(
            f"the last choice of thresholds had `{dropped}`, which this one drops; give again what shall stay"
        )


def _dropped(folder: "DetectorFolder", settings: "OperatingPointSettings") -> str:
    """Return the options for those limits and silent classes of the last choice that these settings do not have."""
    former = former_limits(folder)
    of_class = former.false_alarms_per_hour_of_class
    limited = {label for label in folder.classes if settings.budget(label) or label in settings.silent}
    free = {label for label in folder.classes if former.budget(label)} - limited
    lost = replace(
        former,
        false_alarms_per_hour=former.false_alarms_per_hour if free - set(of_class) else 0.0,
        false_alarms_per_hour_of_class={label: most for label, most in of_class.items() if label in free},
        silent=tuple(label for label in former.silent if label not in settings.silent),
        silence_unmet=former.silence_unmet and bool(free),
    )
    return limit_options(lost)


def _background(
    arguments: argparse.Namespace, folder: "DetectorFolder", dataset: "Dataset", channel: int | None
) -> "list[Recording]":
    """Return the recordings of --background that show a limit: none twice, and none that the detector was trained on.

    Warns of the others. Raises DatasetError for a recording with events.
    """
    from stapes.train.data.background import open_background, require_not_labelled, without_copies
    from stapes.train.judge.overlap import not_trained_on, trained_on_warning

    quiet = open_background(arguments.background, channel)
    require_not_labelled(quiet, dataset)
    quiet = without_copies(quiet, dataset.splits[arguments.split])
    new = not_trained_on(folder, quiet)
    if len(new) < len(quiet):
        logger.warning(
            f"--background: {trained_on_warning(folder, quiet)}; what it was trained on is left out, because those "
            "hours show no limit; give recordings that are new to it"
        )
    return new


def _dataset(arguments: argparse.Namespace, folder: "DetectorFolder", options: "DatasetOptions") -> "Dataset":
    """Return the dataset, which has the split to choose on. Raises DatasetError if not, or for an unknown class."""
    from stapes.train.data.dataset import open_dataset, require_events
    from stapes.train.data.findings import log_notes

    dataset = open_dataset(arguments.dataset, options)
    log_notes(dataset.notes)
    require_events(dataset)
    if not dataset.splits.get(arguments.split):
        raise DatasetError(
            f"{dataset.path}: has no split {arguments.split!r}; its splits are {', '.join(dataset.splits)}"
        )
    if strange := sorted(set(dataset.classes) - set(folder.classes)):
        raise DatasetError(
            f"{dataset.path}: {folder.path} has no class {strange[0]!r}, only {', '.join(folder.classes)}; "
            f"to ignore this label, give it an empty class in {dataset.path / 'label_map.tsv'}"
        )
    return dataset


def _thresholds(arguments: argparse.Namespace) -> dict[str, float]:
    """Return what --threshold sets. Raises ConfigError, also for options that choose thresholds instead."""
    thresholds: dict[str, float] = {}
    for text in arguments.threshold:
        label, _, probability = text.rpartition("=")
        try:
            value = float(probability)
        except ValueError:
            value = math.nan
        if not label or math.isnan(value) or label in thresholds:
            raise ConfigError(f"--threshold {text}: need CLASS=P with a probability, and each class once")
        thresholds[label] = value
    others = ("false_alarms_per_hour", "false_alarms_per_day", "silent", "silence_unmet")
    if thresholds and (given := [each for each in others if getattr(arguments, each)]):
        raise ConfigError(
            f"--{given[0].replace('_', '-')} does not go with --threshold, which chooses nothing; leave one of them out"
        )
    return thresholds


def _settings(arguments: argparse.Namespace, folder: "DetectorFolder") -> "OperatingPointSettings":
    """Return what the options say, and otherwise what the detector was trained with.

    Limits and silent classes are those of the options alone: each run says anew what it shall keep. Raises ConfigError.
    """
    budgets = _budgets(arguments)
    given: dict[str, Any] = {name: getattr(arguments, name) for name in ("hits", "collar_percent")}
    settings = replace(
        settings_of_training(folder),
        false_alarms_per_hour=budgets.pop("", 0.0),
        false_alarms_per_hour_of_class=budgets,
        silent=tuple(arguments.silent),
        silence_unmet=arguments.silence_unmet,
        **{name: value for name, value in given.items() if value is not None},
    )
    settings.require_classes(folder.classes)
    return settings


def _budgets(arguments: argparse.Namespace) -> dict[str, float]:
    """Return the limits of false alarms per hour by class, that for all classes as "". Raises ConfigError."""
    budgets: dict[str, float] = {}
    for unit, hours, given in (
        ("hour", 1, arguments.false_alarms_per_hour),
        ("day", 24, arguments.false_alarms_per_day),
    ):
        for text in given:
            label, _, number = text.rpartition("=")
            try:
                budget = float(number)
            except ValueError:
                budget = math.nan
            if not 0 < budget < math.inf:
                raise ConfigError(
                    f"--false-alarms-per-{unit} {text}: need a number above 0, or CLASS=N with such a number"
                )
            if label in budgets:
                raise ConfigError(
                    f"--false-alarms-per-{unit} {text}: a limit for {label or 'all classes'} was "
                    "already given; give one"
                )
            budgets[label] = budget / hours
    return budgets
