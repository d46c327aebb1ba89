"""`stapes tune`: another operating point for a detector that stands."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stapes.firmware_sim.errors import ConfigError, DatasetError
from stapes.train.options import add_group_pattern, inherited_pattern

if TYPE_CHECKING:
    from stapes.firmware_sim.folder import DetectorFolder
    from stapes.train.dataset import Recording
    from stapes.train.metrics import EventScores
    from stapes.train.operating_point import Judged

EXAMPLE = """example:
  stapes tune dogs.stapes recordings/ --false-alarms-per-hour 2
  stapes tune dogs.stapes recordings/                              best event F1
Thresholds that were chosen on recordings look better on them than elsewhere: judge on others.
"""


def add_tune(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "tune",
        help="choose thresholds for a budget of false alarms, or for best event F1",
        description="Choose thresholds, hysteresis, smoothing and durations per class on labelled recordings.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, metavar="NAME.stapes")
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="folder of recordings and labels")
    parser.add_argument("--split", default="val", help="part of the dataset to choose on (default val)")
    parser.add_argument(
        "--false-alarms-per-hour", type=float, default=0.0, metavar="N", help="of each class, at most; none: best F1"
    )
    add_group_pattern(parser, "as in training")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Choose and write; only detector.json changes."""
    from stapes.firmware_sim.folder import read_folder
    from stapes.train.dataset import open_dataset
    from stapes.train.findings import say
    from stapes.train.heard_before import identities
    from stapes.train.operating_point import choose, describe, elsewhere, reached
    from stapes.train.settings import OperatingPointSettings

    settings = OperatingPointSettings(false_alarms_per_hour=arguments.false_alarms_per_hour)
    folder = read_folder(arguments.detector)
    dataset = open_dataset(arguments.dataset, inherited_pattern(arguments.group_pattern, folder))
    say(dataset.notes)
    recordings = dataset.splits.get(arguments.split)
    if not recordings:
        raise DatasetError(f"{dataset.path}: no part {arguments.split!r}; there is {', '.join(dataset.splits)}")
    if strange := sorted(set(dataset.classes) - set(folder.classes)):
        raise DatasetError(
            f"{dataset.path}: {folder.path} knows no class {strange[0]!r}, it hears {', '.join(folder.classes)}; "
            f"ignore it by an empty class in {dataset.path / 'label_map.tsv'}"
        )
    judged = _judge(folder, recordings)
    configs = choose(judged, settings)
    here = reached(judged, recordings, configs)
    _require_met(here, settings.false_alarms_per_hour, arguments.split)
    to_expect = elsewhere(judged, recordings, settings)
    point = describe(arguments.split, settings, to_expect) | {"recordings": identities(recordings)}
    replace(folder, events=configs, operating_point=point).write()
    _print_point(arguments.split, here, to_expect)


def _judge(folder: "DetectorFolder", recordings: "list[Recording]") -> "Judged":
    from stapes.firmware_sim.frontend import Frontend
    from stapes.runtime.audio import read_audio
    from stapes.train.operating_point import judge

    frontend, rate = Frontend(folder.tables), folder.frontend.sample_rate_hz
    features = (frontend.features(read_audio(recording.path, rate).pcm) for recording in recordings)
    return judge(folder, recordings, features)


def _require_met(here: "EventScores", budget: float, part: str) -> None:
    for label, one in here.classes.items():
        if budget and one.false_alarms_per_hour.value > budget:
            raise ConfigError(
                f"{label}: {budget:g} false alarms per hour cannot be met on {part}, the best reached is "
                f"{one.false_alarms_per_hour.value:.1f}; allow more, or train on more recordings without {label}"
            )


def _print_point(part: str, here: "EventScores", to_expect: "EventScores | None") -> None:
    parts = {f"on {part}, where they were chosen": here}
    if to_expect:
        parts["expected elsewhere"] = to_expect
    for title, scores in parts.items():
        print(f"\n{title:32} recall   F1 onset              false alarms/h")
        for label, one in scores.classes.items():
            print(f"  {label:30} {one.recall:6.2f}   {f'{one.f1_onset:.3f}':21} {one.false_alarms_per_hour:.1f}")
        print(f"  {'macro':30} {'':6}   {f'{scores.macro_f1_onset:.3f}':21} {scores.false_alarms_per_hour:.1f}")
    if not to_expect:
        print("what to expect elsewhere cannot be said: the recordings are of one group")
