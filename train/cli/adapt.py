"""`stapes adapt`: compare the place where a detector will listen with its training, and set thresholds for it."""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from stapes.firmware_sim.errors import ConfigError, DatasetError
from stapes.runtime.cli.options import add_channel
from stapes.train.cli.options import (
    add_changed_detector,
    former_limits,
    limit_options,
    require_writable,
    write_changed_detector,
)
from stapes.train.text import first_names, table

if TYPE_CHECKING:
    from stapes.firmware_sim.device.folder import DetectorFolder
    from stapes.runtime.sound_conditions import Levels
    from stapes.train.data.dataset import Recording
    from stapes.train.judge.adaptation import ClassAdaptation, Place

logger = logging.getLogger(__name__)

EXAMPLE = """example:
  stapes adapt dogs.stapes --recordings hallway/
  stapes adapt dogs.stapes --recordings hallway/ --alarms-per-hour 2 --out hallway-dogs.stapes
Record an hour or a day with the microphone and in the place where the detector will listen. No
labels are needed. Without --alarms-per-hour only the comparison is shown. With it everything that
is detected counts as a false alarm, so the hours should be ordinary ones, in which events are rare.
Thresholds move by one logit down and two up at most, counted from those before the first adaptation;
the weights stay as they are.
"""


def add_adapt(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command `adapt`."""
    parser = commands.add_parser(
        "adapt",
        help="compare the place where a detector will listen with its training, and set thresholds for it",
        description="Listen to unlabelled recordings from the place and the microphone where a detector will be used.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, metavar="NAME.stapes")
    parser.add_argument(
        "--recordings", type=Path, required=True, metavar="DIR", help="a folder of recordings; no labels are needed"
    )
    add_channel(parser, "as in training")
    parser.add_argument(
        "--alarms-per-hour", type=float, metavar="N", help="set thresholds: at most so many detections of each class"
    )
    add_changed_detector(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from stapes.firmware_sim.device.folder import read_folder
    from stapes.train.data.background import open_unlabelled, without_copies
    from stapes.train.data.options import inherited_channel
    from stapes.train.judge.adaptation import adapted, hear_place, require_hours, with_adaptation
    from stapes.train.judge.alarm_budget import too_few_hours
    from stapes.train.judge.choice import Verdict

    per_hour = arguments.alarms_per_hour
    if per_hour is None and arguments.out:
        raise ConfigError("--out has nothing to write without --alarms-per-hour, which sets the thresholds")
    if per_hour is not None and not 0 < per_hour < float("inf"):
        raise ConfigError(f"--alarms-per-hour {per_hour:g}: need a number above 0")
    require_writable(arguments)
    folder = read_folder(arguments.detector)
    recordings = open_unlabelled([arguments.recordings], inherited_channel(arguments.channel, folder))
    recordings = without_copies(_new_to(folder, recordings))
    require_hours(arguments.recordings, sum(each.duration_s for each in recordings) / 3600, per_hour)
    place = hear_place(folder, recordings)
    if place.silent_hours:
        minutes = f"{60 * place.silent_hours:.2f} of {60 * (place.hours + place.silent_hours):.2f} minutes"
        logger.warning(f"{minutes} are digital silence and do not count; check the microphone")
        require_hours(arguments.recordings, place.hours, per_hour)
    _print_conditions(folder, place.background, place.hours)
    _print_scores(folder, place)
    if per_hour is None:
        print("\nNothing was changed; give --alarms-per-hour to set the thresholds for this place.")
        return
    found = adapted(folder, place, per_hour)
    _print_classes(folder, found)
    too_few = too_few_hours(per_hour, place.hours)
    if too_few:
        logger.warning(f"{too_few}. No class is made more sensitive")
    for each in found:
        if each.verdict is Verdict.ESTIMATED and not too_few:
            logger.warning(_why_not_shown(each, per_hour))
    if unmet := [each.label for each in found if each.verdict is Verdict.UNMET]:
        logger.warning(_what_to_do(folder, unmet, per_hour))
    write_changed_detector(with_adaptation(folder, found, place, per_hour), arguments)


def _new_to(folder: "DetectorFolder", recordings: "list[Recording]") -> "list[Recording]":
    """Return the recordings that the detector was not trained on, and warn of the others.

    Raises DatasetError when none is left.
    """
    from stapes.train.judge.overlap import not_trained_on

    new = not_trained_on(folder, recordings)
    paths = {each.path for each in new}
    known = [str(each.path) for each in recordings if each.path not in paths]
    if not new:
        raise DatasetError(
            f"{folder.path} was trained on all of these recordings, where its scores are not those of the place; "
            "record new ones there"
        )
    if known:
        logger.warning(
            f"{len(known)} of {len(recordings)} recordings are left out, as the detector was trained on them: "
            f"{first_names(known)}; its scores there are not those of the place"
        )
    return new


def _why_not_shown(found: "ClassAdaptation", per_hour: float) -> str:
    """Return the sentence for a class that keeps the limit by the estimate alone, in hours that could show it."""
    from stapes.train.judge.alarm_budget import hours_text, not_shown, rate_text

    rate = found.now
    why = f"with {rate.alarms} in {hours_text(rate.hours)} there may be {rate_text(rate.at_most)} per hour"
    return f"{found.label}: the limit is kept by the estimate; {not_shown(per_hour, why)}"


def _what_to_do(folder: "DetectorFolder", labels: Sequence[str], per_hour: float) -> str:
    """Return the sentence for all classes that do not keep the limit; each run of `tune` forgets those before it."""
    detector = quote(str(folder.path))
    it = "it" if len(labels) == 1 else "them"
    limits = former_limits(folder)
    limits = replace(limits, silent=tuple(dict.fromkeys([*limits.silent, *labels])))
    return (
        f"{', '.join(labels)}: {per_hour:g} detections per hour are not kept within two logits; train with hours "
        f"without events from this place (`stapes train recordings/ --out quieter.stapes --from {detector} "
        f"--background hours-without-events/`), or silence {it} with `stapes tune {detector} recordings/ "
        f"{limit_options(limits)}`, which chooses all thresholds anew, and adapt again"
    )


def _print_conditions(folder: "DetectorFolder", background: "Levels", hours: float) -> None:
    from stapes.runtime.sound_conditions import SoundConditions

    print(f"\n{hours:.2f} hours")
    conditions = SoundConditions.from_dict(folder.provenance.get("sound"))
    if conditions is None:
        print("This detector does not say what it was trained on; train it again to compare level and spectrum.")
        return
    for line in conditions.differences(background, folder.frontend):
        print(line)


def _print_scores(folder: "DetectorFolder", place: "Place") -> None:
    """Print how high the scores of each class get here, and got on val while the class was not there."""
    from stapes.firmware_sim.device.events import SILENT, probability
    from stapes.train.judge.score_levels import SHARES, levels_of

    on_val, rows = folder.scores.get("event_free", {}), []
    for column, label in enumerate(folder.classes):
        config = folder.events[column]
        threshold = "silent" if config == SILENT else f"{probability(config.on_score):.2f}"
        for where, levels in (("here", levels_of(place.scores, column)), ("on val", on_val.get(label))):
            if levels:
                rows.append([f"{label}, {where}", *(f"{probability(each):.2f}" for each in levels), threshold])
    print()
    shares = [f"{100 * share:g} %\nof time" for share in SHARES]
    for line in table(["score is at most", *shares, "on\nthreshold"], rows):
        print(line)
    if on_val:
        print("\nOn val: without the events of the class. Scores that are higher here give more false alarms, unless")
        print("the class was really there.")
    else:
        print("\nThis detector does not say its scores on val; train it again to compare them.")


def _print_classes(folder: "DetectorFolder", found: "Sequence[ClassAdaptation]") -> None:
    from stapes.firmware_sim.device.events import SILENT, probability

    rows = []
    for each, former in zip(found, folder.events, strict=True):
        silent = each.config == SILENT
        thresholds = ["silent"] * 2 if silent else [f"{probability(one.on_score):.2f}" for one in (former, each.config)]
        rows.append([each.label, str(each.before), str(each.now), *thresholds, f"{each.sensitivity:+d}"])
    print()
    for line in table(["per hour", "before", "now", "threshold before", "now", "sensitivity"], rows):
        print(line)
    print("\nAt most: the upper limit at 90 % confidence. A step of sensitivity is a quarter of a logit,")
    print("counted from the thresholds before the first adaptation.")
