"""`stapes tune`: choose another operating point for an existing detector."""

import argparse
import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stapes.firmware_sim.errors import ConfigError, DatasetError
from stapes.train.cli.options import add_group_pattern
from stapes.train.text import table

if TYPE_CHECKING:
    from stapes.train.judge.metrics import EventScores
    from stapes.train.settings import OperatingPointSettings

logger = logging.getLogger(__name__)

EXAMPLE = """example:
  stapes tune dogs.stapes recordings/                              # best event F1
  stapes tune dogs.stapes recordings/ --false-alarms-per-hour 2
  stapes tune dogs.stapes recordings/ --false-alarms-per-day 10 --false-alarms-per-day siren=0.5
Thresholds look better on the recordings that they were chosen on than on others. The scores to
expect on other recordings are therefore computed on sources that were held out.
"""
ALARMS_RULED_OUT = 3.0  # rule of three: no alarm in N hours means, with 95 % confidence, fewer than 3 / N per hour


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
            help="limit for each class, or for one class; can be given several times (default: no limit, best F1)",
        )
    add_group_pattern(parser, "as in training")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    """Choose the event settings and write them; only detector.json changes."""
    from stapes.firmware_sim.device.folder import read_folder
    from stapes.train.data.dataset import open_dataset, require_events
    from stapes.train.data.findings import log_notes
    from stapes.train.data.split import inherited_pattern
    from stapes.train.judge.operating_point import OperatingPoint
    from stapes.train.judge.overlap import content_ids
    from stapes.train.judge.scored import event_scores_of, features_of, score_recordings

    folder = read_folder(arguments.detector)
    settings = _settings(arguments, folder.classes)
    dataset = open_dataset(arguments.dataset, inherited_pattern(arguments.group_pattern, folder))
    log_notes(dataset.notes)
    require_events(dataset)
    recordings = dataset.splits.get(arguments.split)
    if not recordings:
        raise DatasetError(
            f"{dataset.path}: has no split {arguments.split!r}; its splits are {', '.join(dataset.splits)}"
        )
    if strange := sorted(set(dataset.classes) - set(folder.classes)):
        raise DatasetError(
            f"{dataset.path}: {folder.path} has no class {strange[0]!r}, only {', '.join(folder.classes)}; "
            f"to ignore this label, give it an empty class in {dataset.path / 'label_map.tsv'}"
        )
    scored = score_recordings(folder, recordings, features_of(folder, recordings))
    point = OperatingPoint(scored, settings)
    here = event_scores_of(scored, recordings, point.configs)
    _require_met(here, settings, arguments.split)
    to_expect = point.expected_on_other_sources()
    described = point.describe(arguments.split, to_expect) | {"recordings": content_ids(recordings)}
    replace(folder, events=point.configs, operating_point=described).write()
    _print_here(arguments.split, here)
    _print_expected(folder.classes, to_expect)
    for line in point.unmet_budgets():
        logger.warning(line)
    _note_what_hours_can_show(settings, folder.classes, float(scored.hours.sum()))


def _settings(arguments: argparse.Namespace, classes: Sequence[str]) -> "OperatingPointSettings":
    from stapes.train.settings import OperatingPointSettings

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
    for_all = budgets.pop("", 0.0)
    settings = OperatingPointSettings(false_alarms_per_hour=for_all, false_alarms_per_hour_of_class=budgets)
    settings.require_classes(classes)
    return settings


def _require_met(here: "EventScores", settings: "OperatingPointSettings", part: str) -> None:
    for label, one in here.classes.items():
        budget, fewest = settings.budget(label), one.false_alarms_per_hour.value
        if budget and fewest > budget:
            raise ConfigError(
                f"{label}: {budget:g} false alarms per hour cannot be met on {part}, where the fewest are "
                f"{fewest:.1f}; raise the limit, or train on more recordings without {label}"
            )


def _print_here(part: str, here: "EventScores") -> None:
    rows = [
        [
            label,
            f"{one.recall:.2f}",
            f"{one.f1_onset:.3f}",
            f"{one.f1_onset_offset:.3f}",
            f"{one.false_alarms_per_hour.value:.1f}",
        ]
        for label, one in here.classes.items()
    ]
    rows.append(["macro", "", *_macro(here)])
    _print(f"on {part}, used for choosing", rows)


def _print_expected(classes: Sequence[str], expected: "EventScores | None") -> None:
    unknown = [label for label in classes if expected is None or label not in expected.classes]
    if expected:
        rows = [
            [
                label,
                f"{one.recall:.2f} ({one.recall_low:.2f}..{one.recall_high:.2f})",
                f"{one.f1_onset:.3f}",
                f"{one.f1_onset_offset:.3f}",
                f"{one.false_alarms_per_hour:.1f}",
            ]
            for label, one in expected.classes.items()
        ]
        rows.append(["macro", "", *_macro(expected)])
        _print("on other recordings (95 %)", rows)
    if unknown:
        print(
            f"\nno estimate for {', '.join(unknown)} on other recordings: events from at least two sources, "
            "and recordings of at least two groups, are needed for one"
        )


def _macro(scores: "EventScores") -> list[str]:
    return [
        f"{scores.macro_f1_onset:.3f}",
        f"{scores.macro_f1_onset_offset:.3f}",
        f"{scores.false_alarms_per_hour:.1f}",
    ]


def _print(title: str, rows: list[list[str]]) -> None:
    print()
    for line in table([title, "recall", "F1 onset", "F1 onset+offset", "false alarms/h"], rows):
        print(line)


def _note_what_hours_can_show(settings: "OperatingPointSettings", classes: Sequence[str], hours: float) -> None:
    budgets = [settings.budget(label) for label in classes if settings.budget(label)]
    if budgets and min(budgets) * hours < ALARMS_RULED_OUT:
        logger.warning(
            f"{hours:.1f} h without a false alarm show, with 95 % confidence, only that there are fewer than "
            f"{ALARMS_RULED_OUT / hours:.1f} per hour; to show fewer than {min(budgets):g} per hour takes "
            f"{ALARMS_RULED_OUT / min(budgets):.1f} h"
        )
