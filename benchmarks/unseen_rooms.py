"""Judge detectors in rooms that they never heard: `python -m benchmarks.unseen_rooms --detector X.stapes --fold 1`.

Fold N of ../shared/data/soundscapes holds out all recordings in some scenes: 1 rain, sea; 2 helicopter, fire; 3
boiling-water, frying-pan, stove-burner; 4 dishwasher, stove-fan, water-flowing. Recall and F1 are those of val in these
scenes, alarms those of the event-free time of train and val there. Several detectors, one of each fold, are also judged
together. Text in parentheses is a 95 % interval over sources and recordings. docs/accuracy.md describes the protocol.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.accuracy_rows import baseline_hits
from benchmarks.folds import ROOMS, SOUNDSCAPES, distractors, open_folds_of, room_fold
from benchmarks.judgement import BUDGET_PER_HOUR, FoldJudgement, judge
from benchmarks.pooled import RATES_PER_HOUR, Pooled
from stapes.firmware_sim.device.folder import read_folder
from stapes.firmware_sim.errors import ConfigError, StapesError
from stapes.runtime.console import show
from stapes.train.judge.event_free import AWAY, DURING
from stapes.train.judge.metrics import Estimate

Line = tuple[str, str]  # what, figures


def main(argv: list[str] | None = None) -> int:
    """Judge the detectors and print the figures; return the process's exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.unseen_rooms",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--detector", type=Path, nargs="+", required=True, help="trained without the fold's scenes")
    parser.add_argument("--fold", type=int, nargs="+", required=True, choices=ROOMS, help="the fold of each detector")
    parser.add_argument("--dataset", type=Path, default=SOUNDSCAPES, help="soundscapes (default: %(default)s)")
    parser.add_argument(
        "--budget",
        action="store_true",
        help=f"also choose settings for {BUDGET_PER_HOUR:g} false alarms per hour and class (half a minute per fold)",
    )
    arguments = parser.parse_args(argv)
    try:
        judged = judge_folds(arguments.detector, arguments.fold, arguments.dataset, with_budget=arguments.budget)
    except StapesError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for fold in judged:
        print_figures(Pooled([fold]))
    if len(judged) > 1:
        print_figures(Pooled(judged))
    return 0


def judge_folds(
    detectors: Sequence[Path], numbers: Sequence[int], dataset_path: Path, *, with_budget: bool
) -> list[FoldJudgement]:
    """Return the judgement of each detector on the fold whose number stands in the same place.

    Raises ConfigError unless there are as many detectors as folds, each fold once, and what `judge` raises.
    """
    if len(detectors) != len(numbers) or len(set(numbers)) < len(numbers):
        raise ConfigError(
            f"{len(detectors)} detectors and the folds {', '.join(map(str, numbers))}: need one detector of each fold"
        )
    dataset = open_folds_of(dataset_path)
    others = distractors(dataset)
    return [
        judge(read_folder(path), room_fold(dataset, number), others, with_budget=with_budget)
        for path, number in zip(detectors, numbers, strict=True)
    ]


def print_figures(pooled: Pooled) -> None:
    """Print the figures of these folds together, and the recall and the alarms of each class."""
    print(f"\n{', '.join(fold.fold for fold in pooled.folds)}: all classes, then each by itself")
    for what, figure in [*_figures(pooled), *_class_figures(pooled)]:
        print(f"  {what:58} {figure}")


def _figures(pooled: Pooled) -> Iterator[Line]:
    yield "frame average precision", f"{pooled.frame_precision():.3f}"
    yield "event F1 by onset", f"{pooled.f1():.3f}"
    yield "event F1 by onset and offset", f"{pooled.f1(offsets=True):.3f}"
    yield "recall at the operating point", f"{pooled.recall(lambda one: one.chosen):.3f}"
    for rate in RATES_PER_HOUR:
        yield f"recall at {rate:g} alarms per hour and class", f"{pooled.recall_at(rate):.3f}"
    yield "alarms per hour away from distractors", f"{pooled.alarms_per_hour(AWAY):.0f}"
    yield "alarms per hour during distractors", f"{pooled.alarms_per_hour(DURING):.0f}"
    if all(one.budget for fold in pooled.folds for one in fold.classes.values()):
        recall, alarms, worst = pooled.budget()
        yield f"recall, chosen for {BUDGET_PER_HOUR:g} false alarms per hour and class", f"{recall:.3f}"
        yield f"alarms per hour of the worst class then, {worst}", f"{alarms:.0f}"
    if wanted := baseline_hits(pooled.folds):
        alarms, recall = pooled.alarms_at_equal_recall(wanted)
        yield "alarms away from distractors at the baseline's recall", f"{alarms:.0f}, recall {recall.value:.3f}"
    yield "int8 minus float, F1 by onset on val", f"{pooled.int8_minus_float():+.3f}"


def _class_figures(pooled: Pooled) -> Iterator[Line]:
    for label in pooled.labels:
        one = pooled.of_class(label)
        recalls = " / ".join(_value(one.recall_at(rate)) for rate in RATES_PER_HOUR)
        yield (
            label,
            f"AP {_value(one.frame_precision())}, F1 {_value(one.f1())}, recall {recalls} at "
            f"{' / '.join(f'{rate:g}' for rate in RATES_PER_HOUR)} per hour, "
            f"alarms per hour {one.alarms_per_hour(AWAY).value:.0f} away from distractors, "
            f"{one.alarms_per_hour(DURING).value:.0f} during them",
        )


def _value(figure: Estimate) -> str:
    return f"{figure.value:.2f}"


if __name__ == "__main__":
    show()
    raise SystemExit(main())
