"""PSDS of random cases by psds_eval 0.5.3, which breaks with today's pandas and NumPy.

Run in an environment of its own (this wrote psds_by_psds_eval.json, in some minutes):
  pip install psds_eval==0.5.3 pandas==2.3.3 numpy==2.3.5
  python tests/train/judge/referees/psds_by_psds_eval.py

It knows operating points, not scores: every int8 threshold is given to it as one. Cases have two or three classes: with
one class it gives 0 even to a perfect system, as it takes the mean over no other class.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from psds import SCENARIOS, random_case

CASES = (1, 2, 4, 5)  # seeds of random_case with two or three classes
# It divides overlaps in float64 seconds, so that a share of exactly the threshold may fall below it (case 5 has one).
# Times are whole milliseconds within 20 s: any other share is at least 1 / (10 * 20000) from a threshold in tenths.
MARGIN = 1e-9
COLUMNS = ["filename", "onset", "offset", "event_label"]


def detections(classes: list[str], recordings: list, level: int) -> pd.DataFrame:
    """Return the runs of steps with a score of at least `level`."""
    rows = []
    for name, (scores, edges, _) in enumerate(recordings):
        for column, label in enumerate(classes):
            change = np.diff((scores[:, column] >= level).astype(np.int8), prepend=0, append=0)
            for begin, end in zip(np.flatnonzero(change > 0), np.flatnonzero(change < 0), strict=True):
                rows.append((str(name), edges[begin], edges[end], label))
    return pd.DataFrame(rows, columns=COLUMNS)


def _referee(seed: int, scenario: dict[str, float]) -> float:
    from psds_eval import PSDSEval

    classes, recordings = random_case(seed)
    names = [str(name) for name in range(len(recordings))]
    truth = [(name, *event) for name, (_, _, events) in zip(names, recordings, strict=True) for event in events]
    referee = PSDSEval(
        **{key: value - MARGIN for key, value in scenario.items() if key.endswith("threshold")},
        ground_truth=pd.DataFrame(truth, columns=COLUMNS),
        metadata=pd.DataFrame({"filename": names, "duration": 20.0}),
    )
    for level in range(-128, 128):
        found = detections(classes, recordings, level)
        if len(found):
            referee.add_operating_point(found)
    return float(
        referee.psds(alpha_ct=scenario.get("alpha_ct", 0.0), alpha_st=scenario["alpha_st"], max_efpr=2000.0).value
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # thresholds between which no score lies are the same operating point
    results = {str(seed): [_referee(seed, scenario) for scenario in SCENARIOS] for seed in CASES}
    Path(__file__).with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
