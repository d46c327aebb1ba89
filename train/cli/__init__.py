"""Sub-commands of `stapes` that live in this folder; heavy imports happen only when a command runs."""

import argparse
from pathlib import Path

from stapes.train.cli.options import add_group_pattern
from stapes.train.cli.synth import add_synth
from stapes.train.cli.train import add_train
from stapes.train.cli.tune import add_tune


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add this folder's sub-commands."""
    _add_check(commands)
    _add_evaluate(commands)
    _add_review(commands)
    _add_mine(commands)
    _add_suggest(commands)
    add_synth(commands)
    add_train(commands)
    add_tune(commands)


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
    add_group_pattern(parser, "none")
    parser.set_defaults(run=_check)


def _check(arguments: argparse.Namespace) -> None:
    from stapes.train.data.check import check

    check(arguments.dataset, arguments.step_ms / 1e3, arguments.group_pattern or "")


def _add_evaluate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "evaluate",
        help="how well a detector finds the events of recordings",
        description="Run the deployed path (fixed-point features, int8 model, C events) over recordings and compare "
        "its events with the labels.",
        epilog="example:\n  stapes evaluate dogs.stapes recordings/ --split test --json > scores.json\n"
        "  stapes evaluate dogs.stapes recordings/ --report dogs.html",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, metavar="DETECTOR", help="a detector folder")
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="a folder with audio and labels")
    parser.add_argument("--split", metavar="S", help="train, val or test (default: test, else val)")
    add_group_pattern(parser, "as in training")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--float", action="store_true", help="judge the float network, too (needs TensorFlow)")
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="write a page with pictures and sounds, too")
    parser.add_argument("--scores", type=Path, metavar="DIR", help="write scores and events for other libraries, too")
    parser.add_argument("--force", action="store_true", help="replace an existing report or folder of scores")
    parser.set_defaults(run=_evaluate)


def _evaluate(arguments: argparse.Namespace) -> None:
    import json

    from stapes.firmware_sim.outputs import require_new
    from stapes.runtime.detector import Detector
    from stapes.train.judge.evaluate import evaluate
    from stapes.train.report.evaluation_table import evaluation_lines

    for output in filter(None, (arguments.report, arguments.scores)):
        require_new(output, arguments.force)
    evaluation, judged = evaluate(
        arguments.detector, arguments.dataset, arguments.split, arguments.float, arguments.group_pattern
    )
    if arguments.report:
        from stapes.train.report.device_cost import device_costs
        from stapes.train.report.report import write_report

        detector = Detector.load(arguments.detector)
        write_report(arguments.report, detector, evaluation, judged, device_costs(detector.folder))
    if arguments.scores:
        from stapes.train.report.export_scores import export_scores

        export_scores(arguments.scores, Detector.load(arguments.detector), judged, arguments.force)
    for line in [json.dumps(evaluation.as_dict(), indent=2)] if arguments.json else evaluation_lines(evaluation):
        print(line)


def _add_review(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "review",
        help="a detector's mistakes as label tracks and clips",
        description="Write Audacity label tracks (reference, detected, missed, false) and clips of the worst mistakes. "
        "Corrected reference tracks become labels again with `stapes labels`.",
        epilog="example:\n  stapes review dogs.stapes recordings/ --out mistakes/\n"
        "  stapes labels mistakes/reference/val/*.txt --audio recordings/val --out recordings/val/labels.tsv --update",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, metavar="DETECTOR", help="a detector folder")
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="a folder with audio and labels")
    parser.add_argument("--split", metavar="S", help="train, val or test (default: test, else val)")
    parser.add_argument("--clips", type=int, default=50, metavar="N", help="how many of the worst (default 50)")
    _add_out(parser)
    parser.set_defaults(run=_review)


def _review(arguments: argparse.Namespace) -> None:
    from stapes.train.label.review import review

    review(arguments.detector, arguments.dataset, arguments.split, arguments.out, arguments.clips, arguments.force)


def _add_mine(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "mine",
        help="false alarms in recordings without events, for the next training",
        description="Find false alarms in recordings that are known to hold no events, and cut them out as hard "
        "negatives: audio with empty label tracks.",
        epilog="example:\n  stapes mine dogs.stapes a-quiet-night/ --out recordings/train/mined",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, metavar="DETECTOR", help="a detector folder")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="recordings without any event of the classes")
    _add_out(parser)
    parser.set_defaults(run=_mine)


def _mine(arguments: argparse.Namespace) -> None:
    from stapes.train.label.mine import mine

    mine(arguments.detector, arguments.folder, arguments.out, arguments.force)


def _add_suggest(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "suggest",
        help="proposals of labels for recordings that have none",
        description="Propose label tracks: what stands out of the background, grouped by how it sounds, and what a "
        "trained detector finds. A person corrects them in Audacity.",
        epilog="example:\n  stapes suggest new-recordings/ --out tracks/ --detector dogs.stapes",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="recordings")
    parser.add_argument("--detector", type=Path, metavar="DETECTOR", help="a detector whose events are proposed, too")
    _add_out(parser)
    parser.set_defaults(run=_suggest)


def _suggest(arguments: argparse.Namespace) -> None:
    from stapes.train.label.suggest import suggest

    suggest(arguments.folder, arguments.out, arguments.detector, arguments.force)


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--force", action="store_true", help="replace what an earlier run wrote there")
