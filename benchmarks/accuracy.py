"""`make bench-accuracy`: train with the default settings on real recordings, once per seed, and keep the scores.

One row per seed in benchmarks/results/accuracy.csv: event F1 on val with settings chosen there, and in folds that hold
out sources of val, with settings chosen on the others; the same folds with a budget of false alarms; int8 compared
with float. A seed whose detector exists in the output folder is not trained again.
"""

import argparse
import logging
import sys
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.rows import results_path, write_rows
from stapes.firmware_sim.device.folder import DetectorFolder, read_folder
from stapes.firmware_sim.errors import DatasetError, StapesError
from stapes.runtime.console import show
from stapes.train.data.dataset import Dataset, open_dataset
from stapes.train.judge.metrics import EventScores
from stapes.train.judge.operating_point import OperatingPoint
from stapes.train.judge.scored import features_of, score_recordings
from stapes.train.settings import OperatingPointSettings, Settings

logger = logging.getLogger("stapes.benchmarks.accuracy")

BUDGET_PER_HOUR = 10.0  # false alarms of each class


def main(argv: list[str] | None = None) -> int:
    """Train the detectors, write their scores and print them; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="make bench-accuracy", description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--out", type=Path, default=Path("build/accuracy"), help="where the detectors are kept")
    arguments = parser.parse_args(argv)
    try:
        dataset = open_dataset(arguments.dataset)
        rows = [_row(dataset, _detector(dataset, arguments.out, seed)) for seed in arguments.seeds]
    except StapesError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_rows("accuracy", rows)
    print(results_path("accuracy").read_text(encoding="utf-8"), end="")
    return 0


def _detector(dataset: Dataset, out: Path, seed: int) -> DetectorFolder:
    path = out / f"seed_{seed}.stapes"
    if path.exists():
        logger.info(f"seed {seed}: {path} exists and is not trained again")
        return read_folder(path)
    from stapes.train.run import train_detector  # loads TensorFlow

    out.mkdir(parents=True, exist_ok=True)
    return train_detector(dataset, path, replace(Settings(), seed=seed))


def _row(dataset: Dataset, folder: DetectorFolder) -> dict[str, Any]:
    val, events = folder.scores["val"], folder.scores["parity"]["events"]
    folds, within = folder.operating_point["expected"], _within_budget(dataset, folder)
    return {
        "seed": folder.provenance["seed"],
        "model_bytes": len(folder.model),
        "f1_onset": _rounded(val["macro_f1_onset"]["value"]),
        "f1_onset_low": _rounded(val["macro_f1_onset"]["low"]),
        "f1_onset_high": _rounded(val["macro_f1_onset"]["high"]),
        "f1_onset_offset": _rounded(val["macro_f1_onset_offset"]["value"]),
        "false_alarms_per_hour": _rounded(val["false_alarms_per_hour"]["value"]),
        "folds_f1_onset": _rounded(folds["macro_f1_onset"]["value"]),
        "folds_f1_onset_low": _rounded(folds["macro_f1_onset"]["low"]),
        "folds_f1_onset_high": _rounded(folds["macro_f1_onset"]["high"]),
        "folds_f1_onset_offset": _rounded(folds["macro_f1_onset_offset"]["value"]),
        "budget_folds_recall": _rounded(fmean(one.recall for one in within.classes.values())),
        "budget_folds_alarms_of_worst_class": _rounded(
            max(one.false_alarms_per_hour.value for one in within.classes.values())
        ),
        "float_f1_onset": _rounded(events["f1_onset_float"]),
        "int8_minus_float": _rounded(events["int8_minus_float"]),
        "int8_minus_float_low": _rounded(events["int8_minus_float_low"]),
        "int8_minus_float_high": _rounded(events["int8_minus_float_high"]),
    }


def _within_budget(dataset: Dataset, folder: DetectorFolder) -> EventScores:
    """Return the scores on held-out sources, with settings chosen for a budget of false alarms."""
    recordings = dataset.splits["val"]
    scored = score_recordings(folder, recordings, features_of(folder, recordings))
    expected = OperatingPoint(
        scored, OperatingPointSettings(false_alarms_per_hour=BUDGET_PER_HOUR)
    ).expected_on_other_sources()
    if expected is None:
        raise DatasetError(
            f"{dataset.path}: val has too few sources to hold some out; label more sources in the column `source`"
        )
    return expected


def _rounded(value: float) -> float:
    return round(value, 4)


if __name__ == "__main__":
    show()
    raise SystemExit(main())
