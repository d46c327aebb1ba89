"""`make bench-accuracy`: detectors in rooms and on keyboards that they never heard; docs/accuracy.md has the protocol.

Each configuration is trained once per seed, fold of soundscapes and keyboard of keystrokes (hours), and judged on what
was held out. A detector that exists in the output folder is not trained again. Rows go to
benchmarks/results/accuracy.csv, accuracy_folds.csv and accuracy_keyboards.csv; those of other configurations stay.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.accuracy_rows import FULL, QUICK, Run, baseline_hits, fold_rows, keyboard_rows, replace_rows, run_row
from benchmarks.configurations import BY_NAME, CONFIGURATIONS, TEACHERS, quick
from benchmarks.folds import (
    KEYBOARDS,
    KEYSTROKES,
    ROOMS,
    SOUNDSCAPES,
    Fold,
    keyboard_fold,
    open_folds_of,
    room_fold,
    write_links,
)
from benchmarks.pooled import Pooled
from benchmarks.rows import results_path
from benchmarks.trainings import Training, train_missing
from benchmarks.unseen_keyboards import judge_keyboards
from benchmarks.unseen_rooms import judge_folds
from stapes.firmware_sim.errors import ConfigError, StapesError
from stapes.runtime.console import show

NAMES = [name for name in CONFIGURATIONS if name not in BY_NAME]
QUICK_NAMES = ["small", "medium"]


@dataclass(frozen=True)
class Plan:
    """What is run."""

    training: str  # FULL or QUICK
    rooms: Sequence[int]  # numbers of the folds
    keyboards: Sequence[str]
    seeds: Sequence[int]
    out: Path  # where the detectors are kept

    def detector(self, name: str, fold: str, seed: int) -> Path:
        """Return where the detector of a configuration, fold and seed is kept."""
        return self.out / name / f"{fold}_seed_{seed}.stapes"


def main(argv: list[str] | None = None) -> int:
    """Train what is missing, judge, write the tables and print them; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="make bench-accuracy", description=__doc__)
    parser.add_argument(
        "--configuration",
        nargs="+",
        choices=CONFIGURATIONS,
        help=f"which to run (default: {', '.join(NAMES)}; with --quick {', '.join(QUICK_NAMES)})",
    )
    parser.add_argument(
        "--folds", type=int, nargs="*", default=ROOMS, metavar="N", help="of rooms, 1 to 4 (default: all; no N: none)"
    )
    parser.add_argument(
        "--keyboards", nargs="*", default=KEYBOARDS, metavar="NAME", help=f"{', '.join(KEYBOARDS)} (no NAME: none)"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], metavar="SEED")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    parser.add_argument("--out", type=Path, default=Path("build/accuracy"), help="where the detectors are kept")
    parser.add_argument(
        "--quick", action="store_true", help="one seed, two folds, one keyboard, a third of the updates"
    )
    arguments = parser.parse_args(argv)
    try:
        plan = _plan(arguments)
        for name in arguments.configuration or (QUICK_NAMES if arguments.quick else NAMES):
            _run(plan, name, arguments.jobs)
    except StapesError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for table, was_run in (("accuracy", plan.rooms), ("accuracy_keyboards", plan.keyboards)):
        if was_run:
            print(results_path(table).read_text(encoding="utf-8"), end="")
    return 0


def _plan(arguments: argparse.Namespace) -> Plan:
    if arguments.quick:
        return Plan(QUICK, ROOMS[:2], KEYBOARDS[:1], [1], arguments.out / "quick")
    choices: tuple[tuple[str, Sequence[object], Sequence[object]], ...] = (
        ("fold", arguments.folds, ROOMS),
        ("keyboard", arguments.keyboards, KEYBOARDS),
    )
    for kind, given, known in choices:
        if strange := [each for each in given if each not in known]:
            raise ConfigError(f"there is no {kind} {strange[0]}; give some of {', '.join(map(str, known))}, or none")
    rooms = [each for each in ROOMS if each in arguments.folds]
    keyboards = [each for each in KEYBOARDS if each in arguments.keyboards]
    return Plan(FULL, rooms, keyboards, arguments.seeds, arguments.out)


def _run(plan: Plan, name: str, jobs: int) -> None:
    """Train and judge one configuration, after its teacher if it has one, and put its rows into the tables."""
    soundscapes, keystrokes = open_folds_of(SOUNDSCAPES), open_folds_of(KEYSTROKES)
    folds = [
        *(room_fold(soundscapes, number) for number in plan.rooms),
        *(keyboard_fold(keystrokes, keyboard) for keyboard in plan.keyboards),
    ]
    for each in [TEACHERS[name], name] if name in TEACHERS else [name]:
        train_missing([training for fold in folds for training in _trainings(plan, each, fold)], jobs)
    for seed in plan.seeds:
        _judge(plan, Run(name, seed, plan.training))


def _trainings(plan: Plan, name: str, fold: Fold) -> list[Training]:
    dataset, settings = write_links(fold, plan.out / "folds"), CONFIGURATIONS[name]()
    settings = quick(settings) if plan.training == QUICK else settings
    return [
        Training(
            dataset=dataset,
            group_pattern=fold.group_pattern,
            out=plan.detector(name, fold.name, seed),
            settings=replace(settings, seed=seed),
            teacher=plan.detector(TEACHERS[name], fold.name, seed) if name in TEACHERS else None,
        )
        for seed in plan.seeds
    ]


def _judge(plan: Plan, run: Run) -> None:
    if plan.rooms:
        detectors = [plan.detector(run.configuration, f"scape{number}", run.seed) for number in plan.rooms]
        rooms = judge_folds(detectors, plan.rooms, SOUNDSCAPES, with_budget=True)
        replace_rows("accuracy_folds", list(fold_rows(run, rooms)))
        replace_rows("accuracy", [run_row(run, Pooled(rooms), baseline_hits(rooms))])
    detectors = [plan.detector(run.configuration, f"keys_{keyboard}", run.seed) for keyboard in plan.keyboards]
    replace_rows("accuracy_keyboards", list(keyboard_rows(run, judge_keyboards(detectors, plan.keyboards, KEYSTROKES))))


if __name__ == "__main__":
    show()
    raise SystemExit(main())
