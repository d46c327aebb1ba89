"""Judge detectors on a keyboard that they never heard: --detector X.stapes --keyboard G213.

The detector was trained on the three other keyboards of ../shared/data/keystrokes, one of which chose its settings. F1
is by onset, within 200 ms; the count error is the number of detected keystrokes divided by that of annotated ones, less
1. Text in parentheses is a 95 % interval over recordings. docs/accuracy.md describes the protocol.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.folds import KEYBOARDS, KEYSTROKES, keyboard_fold, open_folds_of
from benchmarks.judgement import require_unseen, scores_of
from stapes.firmware_sim.device.folder import read_folder
from stapes.firmware_sim.errors import ConfigError, StapesError
from stapes.runtime.console import show
from stapes.train.judge.metrics import (
    DETECTED,
    REFERENCE,
    TP,
    Estimate,
    count_matches,
    estimate,
    macro_f1,
    ratio,
    resample_weights,
)


@dataclass(frozen=True)
class KeyboardJudgement:
    """A detector on the keyboard that it never heard, with the settings it has."""

    keyboard: str
    annotated: int
    detected: int
    hits: int  # by onset
    f1: Estimate  # by onset
    count_error: Estimate  # detected / annotated - 1


def main(argv: list[str] | None = None) -> int:
    """Judge the detectors and print the figures; return the process's exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.unseen_keyboards",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--detector", type=Path, nargs="+", required=True, help="trained without the keyboard")
    parser.add_argument("--keyboard", nargs="+", required=True, choices=KEYBOARDS, help="that of each detector")
    parser.add_argument("--dataset", type=Path, default=KEYSTROKES, help="keystrokes (default: %(default)s)")
    arguments = parser.parse_args(argv)
    try:
        judged = judge_keyboards(arguments.detector, arguments.keyboard, arguments.dataset)
    except StapesError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for one in judged:
        print(
            f"{one.keyboard}: F1 by onset {one.f1:.3f}, count error {one.count_error:+.1%}; "
            f"{one.annotated} keystrokes, {one.detected} detected, {one.hits} hits"
        )
    return 0


def judge_keyboards(detectors: Sequence[Path], keyboards: Sequence[str], dataset_path: Path) -> list[KeyboardJudgement]:
    """Return the judgement of each detector on the keyboard that stands in the same place.

    Raises ConfigError unless there are as many detectors as keyboards, and DatasetError for a detector that was made
    with recordings of its keyboard.
    """
    if len(detectors) != len(keyboards):
        raise ConfigError(
            f"{len(detectors)} detectors and {len(keyboards)} keyboards: need one keyboard of each detector"
        )
    dataset = open_folds_of(dataset_path)
    judged = []
    for path, keyboard in zip(detectors, keyboards, strict=True):
        folder, fold = read_folder(path), keyboard_fold(dataset, keyboard)
        require_unseen(folder, fold)
        scored = scores_of(folder, fold.judged)
        counts = count_matches(scored.reference, scored.events(folder.events), scored.names, scored.classes)
        judged.append(figures_of(keyboard, counts))
    return judged


def figures_of(keyboard: str, counts: np.ndarray) -> KeyboardJudgement:
    """Return the figures of counts int64[recordings, classes, 3], as `count_matches` gives them."""
    total, resampled = counts.sum(axis=0), np.tensordot(resample_weights(len(counts)), counts, 1)
    hits, annotated, detected = (int(total[:, kind].sum()) for kind in (TP, REFERENCE, DETECTED))
    return KeyboardJudgement(
        keyboard=keyboard,
        annotated=annotated,
        detected=detected,
        hits=hits,
        f1=estimate(float(macro_f1(total)), macro_f1(resampled)),
        count_error=estimate(
            detected / annotated - 1,
            ratio(resampled[..., DETECTED].sum(axis=-1), resampled[..., REFERENCE].sum(axis=-1)) - 1,
        ),
    )


if __name__ == "__main__":
    show()
    raise SystemExit(main())
