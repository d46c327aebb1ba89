"""`stapes evaluate`: how well a detector finds the events in recordings."""

import argparse
import json
from pathlib import Path

from stapes.runtime.cli.options import add_channel
from stapes.train.cli.options import add_background, add_collar_percent, add_group_pattern


def add_evaluate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command `evaluate`."""
    parser = commands.add_parser(
        "evaluate",
        help="measure how well a detector finds the events in recordings",
        description="Run what the device runs (fixed-point features, int8 model, event decoder in C) over recordings "
        "and compare its events with the labels.",
        epilog="example:\n  stapes evaluate dogs.stapes recordings/ --split test --json > scores.json\n"
        "  stapes evaluate dogs.stapes recordings/ --report dogs.html\n"
        "  stapes evaluate dogs.stapes new-recordings/ --split all\n"
        "  stapes evaluate better-dogs.stapes recordings/ --before dogs.stapes\n"
        "  stapes evaluate dogs.stapes --background quiet-day/             # false alarms per hour",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, metavar="DETECTOR", help="a detector folder")
    parser.add_argument(
        "dataset",
        type=Path,
        nargs="?",
        metavar="DATASET",
        help="a folder with audio and labels; it may be left out where --background is given",
    )
    parser.add_argument("--split", metavar="S", help="train, val, test, or all of them (default: test, else val)")
    parser.add_argument(
        "--before",
        type=Path,
        metavar="OTHER.stapes",
        help="also judge this detector, and say whether the difference means anything; recordings that one of the two "
        "was trained on are left out of the comparison",
    )
    add_background(parser)
    add_collar_percent(parser)
    add_group_pattern(parser, "as in training")
    add_channel(parser, "as in training")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--float", action="store_true", help="evaluate the float network as well (needs TensorFlow)")
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="also write a page with pictures and sounds")
    parser.add_argument("--scores", type=Path, metavar="DIR", help="also write scores and events for other libraries")
    parser.add_argument("--force", action="store_true", help="replace an existing report or scores folder")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from stapes.firmware_sim.outputs import require_new_file, require_new_folder
    from stapes.runtime.detector import Detector
    from stapes.train.judge.evaluate import Judgement, evaluate
    from stapes.train.report.decisions import decisions
    from stapes.train.report.evaluation_table import evaluation_lines
    from stapes.train.report.export_scores import MARK, export_scores

    if arguments.report:
        require_new_file(arguments.report, arguments.force)
    if arguments.scores:
        require_new_folder(arguments.scores, arguments.force, MARK)
    judgement = Judgement(
        with_float=arguments.float,
        group_pattern=arguments.group_pattern,
        channel=arguments.channel,
        background=arguments.background,
        before=arguments.before,
        collar_percent=arguments.collar_percent,
    )
    evaluation, heard = evaluate(arguments.detector, arguments.dataset, arguments.split, judgement)
    if arguments.report:
        from stapes.train.report.device_cost import device_costs
        from stapes.train.report.report import write_report

        detector = Detector.load(arguments.detector)
        write_report(arguments.report, detector, evaluation, heard.judged, device_costs(detector.folder))
    if arguments.scores:
        export_scores(arguments.scores, Detector.load(arguments.detector), heard.judged, arguments.force)
    if arguments.json:
        detector = Detector.load(arguments.detector)
        print(json.dumps(evaluation.as_dict() | decisions(detector, heard, evaluation.collar), indent=2))
    else:
        print("\n".join(evaluation_lines(evaluation)))
