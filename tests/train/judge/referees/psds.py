"""PSDS of random cases by sed_scores_eval, which does not install beside today's pandas and NumPy.

Run in an environment of its own (a C compiler is needed; this wrote psds.json):
  pip install "setuptools<81" "pandas<3" "numpy<2.4" cython wheel
  pip install --no-build-isolation sed_scores_eval==0.0.4
  python tests/train/judge/referees/psds.py
"""

import json
from pathlib import Path

import numpy as np

CASES = range(12)
SCENARIOS = [
    {"dtc_threshold": 0.7, "gtc_threshold": 0.7, "alpha_st": 1.0},
    {"dtc_threshold": 0.1, "gtc_threshold": 0.1, "cttc_threshold": 0.3, "alpha_ct": 0.5, "alpha_st": 1.0},
]


def random_case(seed: int) -> tuple[list[str], list[tuple[np.ndarray, np.ndarray, list[tuple[float, float, str]]]]]:
    """Return classes and, per recording, int8 scores [steps, classes], edges in seconds, disjoint annotations."""
    rng = np.random.default_rng(seed)
    classes = ["a", "b", "c"][: 1 + seed % 3]
    recordings = []
    for _ in range(6):
        scores = np.repeat(rng.integers(-128, 60, (300, len(classes))), 2, axis=0)
        edges = np.round(np.arange(601) * 0.032 + 0.008, 6)
        annotations = []
        for column, label in enumerate(classes):
            time = rng.uniform(0, 9)
            while time < 17:
                end = round(time + rng.uniform(0.1, 1.2), 3)
                annotations.append((round(time, 3), end, label))
                active = (edges[:-1] + rng.uniform(-0.3, 0.3) < end) & (edges[1:] > time)
                scores[active, column] = rng.integers(-100, 127)
                if rng.random() < 0.3:
                    scores[active, rng.integers(len(classes))] = rng.integers(-100, 127)
                time = end + rng.uniform(1, 14)
        recordings.append((scores.astype(np.int8), edges, annotations))
    return classes, recordings


def _referee(seed: int) -> list[float | None]:
    from sed_scores_eval.base_modules.scores import create_score_dataframe
    from sed_scores_eval.intersection_based import psds

    classes, recordings = random_case(seed)
    tables = {
        str(i): create_score_dataframe(scores.astype(float), edges, classes)
        for i, (scores, edges, _) in enumerate(recordings)
    }
    truth = {str(i): annotations for i, (_, _, annotations) in enumerate(recordings)}
    durations = dict.fromkeys(tables, 20.0)
    values: list[float | None] = []
    for scenario in SCENARIOS:
        if len(classes) == 1 and "alpha_ct" in scenario:
            values.append(None)  # raises TypeError with one class
        else:
            values.append(float(psds(tables, truth, durations, max_efpr=2000.0, **scenario)[0]))
    return values


if __name__ == "__main__":
    results = {str(seed): _referee(seed) for seed in CASES}
    Path(__file__).with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
