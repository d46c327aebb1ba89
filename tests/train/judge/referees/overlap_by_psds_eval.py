"""Overlap-based F1 of random cases by psds_eval 0.5.3, with both tolerances at one half.

Run in the environment that psds_by_psds_eval.py names (this wrote overlap_by_psds_eval.json):
  python tests/train/judge/referees/overlap_by_psds_eval.py
"""

import json
import warnings
from pathlib import Path

import pandas as pd
from psds import random_case
from psds_by_psds_eval import CASES, COLUMNS, MARGIN, detections

LEVELS = (0, 45, 60)  # thresholds of the int8 scores


def _referee(seed: int, level: int) -> dict[str, float]:
    """Return the F1 of each class, and the mean over them as `macro`."""
    from psds_eval import PSDSEval

    classes, recordings = random_case(seed)
    names = [str(name) for name in range(len(recordings))]
    truth = [(name, *event) for name, (_, _, events) in zip(names, recordings, strict=True) for event in events]
    referee = PSDSEval(
        dtc_threshold=0.5 - MARGIN,
        gtc_threshold=0.5 - MARGIN,
        cttc_threshold=0.3,
        ground_truth=pd.DataFrame(truth, columns=COLUMNS),
        metadata=pd.DataFrame({"filename": names, "duration": 20.0}),
    )
    macro, of_class = referee.compute_macro_f_score(detections(classes, recordings, level))
    return {"macro": float(macro), **{label: float(value) for label, value in of_class.items()}}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    results = {str(seed): {str(level): _referee(seed, level) for level in LEVELS} for seed in CASES}
    Path(__file__).with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
