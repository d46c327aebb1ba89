"""`make bench-accuracy`: train with the default settings on real recordings, once per seed, and keep what was reached.

One row per seed in benchmarks/results/accuracy.csv: event F1 on val with thresholds chosen there, and of each half of
val's recordings with thresholds chosen on the other half; false alarms; int8 beside float. Seeds whose detector stands
in the output folder are not trained again.
"""

import argparse
import csv
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from stapes.firmware_sim.errors import StapesError
from stapes.firmware_sim.folder import DetectorFolder, read_folder
from stapes.runtime.console import note
from stapes.train.dataset import open_dataset
from stapes.train.settings import Settings

RESULTS = Path(__file__).parent / "results" / "accuracy.csv"


def main(argv: list[str] | None = None) -> int:
    """Train, gather, write; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="make bench-accuracy", description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--out", type=Path, default=Path("build/accuracy"), help="where the detectors are kept")
    arguments = parser.parse_args(argv)
    try:
        rows = [_row(_detector(arguments.dataset, arguments.out, seed)) for seed in arguments.seeds]
    except StapesError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(RESULTS.read_text(encoding="utf-8"), end="")
    return 0


def _detector(dataset: Path, out: Path, seed: int) -> DetectorFolder:
    path = out / f"seed_{seed}.stapes"
    if path.exists():
        note(f"seed {seed}: {path} stands")
        return read_folder(path)
    from stapes.train.run import train_detector  # loads TensorFlow

    out.mkdir(parents=True, exist_ok=True)
    return train_detector(open_dataset(dataset), path, replace(Settings(), seed=seed))


def _row(folder: DetectorFolder) -> dict[str, Any]:
    val, events = folder.scores["val"], folder.scores["parity"]["events"]
    halves = folder.operating_point["expected"]
    return {
        "seed": folder.provenance["seed"],
        "model_bytes": len(folder.model),
        "f1_onset": _rounded(val["macro_f1_onset"]["value"]),
        "f1_onset_low": _rounded(val["macro_f1_onset"]["low"]),
        "f1_onset_high": _rounded(val["macro_f1_onset"]["high"]),
        "f1_onset_offset": _rounded(val["macro_f1_onset_offset"]["value"]),
        "false_alarms_per_hour": _rounded(val["false_alarms_per_hour"]["value"]),
        "halves_f1_onset": _rounded(halves["macro_f1_onset"]["value"]),
        "halves_f1_onset_offset": _rounded(halves["macro_f1_onset_offset"]["value"]),
        "float_f1_onset": _rounded(events["f1_onset_float"]),
        "int8_minus_float": _rounded(events["int8_minus_float"]),
        "int8_minus_float_low": _rounded(events["int8_minus_float_low"]),
        "int8_minus_float_high": _rounded(events["int8_minus_float_high"]),
    }


def _rounded(value: float) -> float:
    return round(value, 4)


if __name__ == "__main__":
    raise SystemExit(main())
