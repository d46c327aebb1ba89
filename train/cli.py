"""Sub-commands of `stapes` that live in this folder; heavy imports happen only when a command runs."""

import argparse
from pathlib import Path


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add this folder's sub-commands."""
    _add_check(commands)
    _add_evaluate(commands)


def _add_check(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "check",
        help="what is in a dataset, and what is wrong with it",
        description="Count recordings and events, list every problem by file and line, and say how many events a "
        "detector can tell apart.",
        epilog="example:\n  stapes check recordings/ --step-ms 32",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="a folder with audio and labels")
    parser.add_argument(
        "--step-ms", type=float, default=32.0, metavar="MS", help="time between two scores of the detector (default 32)"
    )
    parser.set_defaults(run=_check)


def _check(arguments: argparse.Namespace) -> None:
    from stapes.train.check import check

    check(arguments.dataset, arguments.step_ms / 1e3)


def _add_evaluate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "evaluate",
        help="how well a detector finds the events of recordings",
        description="Run the deployed path (fixed-point features, int8 model, C events) over recordings and compare "
        "its events with the labels.",
        epilog="example:\n  stapes evaluate dogs.stapes recordings/ --split test --json > scores.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, metavar="DETECTOR", help="a detector folder")
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="a folder with audio and labels")
    parser.add_argument("--split", metavar="S", help="train, val or test (default: test, else val)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.set_defaults(run=_evaluate)


def _evaluate(arguments: argparse.Namespace) -> None:
    import json

    from stapes.train.evaluate import evaluate
    from stapes.train.evaluation_table import evaluation_lines

    evaluation, _ = evaluate(arguments.detector, arguments.dataset, arguments.split)
    for line in [json.dumps(evaluation.as_dict(), indent=2)] if arguments.json else evaluation_lines(evaluation):
        print(line)
