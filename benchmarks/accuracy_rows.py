"""The tables of the accuracy benchmark: results/accuracy.csv has a row per configuration and seed, for rooms.

accuracy_folds.csv has a row per fold and class, accuracy_keyboards.csv one per keyboard.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from benchmarks.configurations import BASELINE
from benchmarks.judgement import FoldJudgement
from benchmarks.pooled import RATES_PER_HOUR, HitsWanted, Pooled
from benchmarks.rows import read_rows, results_path, write_rows
from benchmarks.unseen_keyboards import KeyboardJudgement
from stapes.train.judge.event_free import AWAY, DURING
from stapes.train.judge.metrics import Estimate

FULL, QUICK = "full", "quick"  # training: with all updates, or with a third of them
# What tells the rows of a table apart that are written together from those that stay.
KEYS = {
    "accuracy": ("configuration", "seed", "training", "folds"),
    "accuracy_folds": ("configuration", "seed", "training", "fold"),
    "accuracy_keyboards": ("configuration", "seed", "training", "keyboard"),
}

Row = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """Which detectors were judged."""

    configuration: str
    seed: int
    training: str  # FULL or QUICK


def run_row(run: Run, pooled: Pooled, wanted: HitsWanted | None) -> Row:
    """Return the row of accuracy.csv. wanted: the baseline's hits, to compare alarms at its recall; None: unknown."""
    recall, alarms, worst = pooled.budget()
    equal = pooled.alarms_at_equal_recall(wanted) if wanted else (None, None)
    figures: dict[str, Estimate | None] = {
        "frame_precision": pooled.frame_precision(),
        "f1_onset": pooled.f1(),
        "f1_onset_offset": pooled.f1(offsets=True),
        **{f"recall_at_{rate:g}": pooled.recall_at(rate) for rate in RATES_PER_HOUR},
        "recall": pooled.recall(lambda one: one.chosen),
        "alarms_away": pooled.alarms_per_hour(AWAY),
        "alarms_during_distractors": pooled.alarms_per_hour(DURING),
        "alarms_away_at_baseline_recall": equal[0],
        "recall_then": equal[1],
        "budget_recall": recall,
        "budget_alarms_of_worst_class": alarms,
    }
    return {
        **asdict(run),
        "folds": " ".join(fold.fold.removeprefix("scape") for fold in pooled.folds),
        "model_bytes": max(fold.model_bytes for fold in pooled.folds),
        **{name: value for each, figure in figures.items() for name, value in _columns(each, figure)},
        "budget_worst_class": worst,
        "int8_minus_float": round(pooled.int8_minus_float(), 4),
    }


def fold_rows(run: Run, folds: Sequence[FoldJudgement]) -> Iterator[Row]:
    """Yield a row of accuracy_folds.csv for each fold and class."""
    for fold in folds:
        for label, one in fold.classes.items():
            pooled = Pooled([fold], [label])
            budget_recall, budget_alarms, _ = pooled.budget()
            yield {
                **asdict(run),
                "fold": fold.fold,
                "class": label,
                "annotated": int(one.curve.annotated.sum()),
                "hits": int(one.chosen.hits.sum()),
                "false": int(one.chosen.false.sum()),
                "frame_precision": _rounded(pooled.frame_precision()),
                "f1_onset": _rounded(pooled.f1()),
                "f1_onset_offset": _rounded(pooled.f1(offsets=True)),
                **{f"recall_at_{rate:g}": _rounded(pooled.recall_at(rate)) for rate in RATES_PER_HOUR},
                "hours_away": round(float(one.curve.hours[:, AWAY].sum()), 4),
                "alarms_away": int(one.chosen.alarms[:, AWAY].sum()),
                "hours_during_distractors": round(float(one.curve.hours[:, DURING].sum()), 4),
                "alarms_during_distractors": int(one.chosen.alarms[:, DURING].sum()),
                "budget_recall": _rounded(budget_recall),
                "budget_alarms_per_hour": _rounded(budget_alarms),
            }


def keyboard_rows(run: Run, keyboards: Sequence[KeyboardJudgement]) -> Iterator[Row]:
    """Yield a row of accuracy_keyboards.csv for each keyboard."""
    for one in keyboards:
        yield {
            **asdict(run),
            "keyboard": one.keyboard,
            "annotated": one.annotated,
            "detected": one.detected,
            "hits": one.hits,
            **dict(_columns("f1_onset", one.f1)),
            **dict(_columns("count_error", one.count_error)),
        }


def replace_rows(table: str, rows: Sequence[Row]) -> None:
    """Write rows in the place of those with the same KEYS; all other rows stay."""
    if not rows:
        return
    key = KEYS[table]
    new = {tuple(str(row[name]) for name in key) for row in rows}
    known: list[Mapping[str, Any]] = []
    if results_path(table).is_file():
        known = [row for row in read_rows(table) if tuple(row[name] for name in key) not in new]
    write_rows(table, [*known, *rows])


def baseline_hits(folds: Sequence[FoldJudgement]) -> HitsWanted | None:
    """Return the baseline's hits of each fold and class, averaged over its seeds; None where a fold was not run."""
    if not results_path("accuracy_folds").is_file():
        return None
    rows = [row for row in read_rows("accuracy_folds") if (row["configuration"], row["training"]) == (BASELINE, FULL)]
    hits = {
        (fold.fold, label): [float(row["hits"]) for row in rows if (row["fold"], row["class"]) == (fold.fold, label)]
        for fold in folds
        for label in fold.classes
    }
    return {place: fmean(each) for place, each in hits.items()} if all(hits.values()) else None


def _columns(name: str, figure: Estimate | None) -> Iterator[tuple[str, float | str]]:
    for suffix in ("", "_low", "_high"):
        yield f"{name}{suffix}", "" if figure is None else round(getattr(figure, suffix[1:] or "value"), 4)


def _rounded(figure: Estimate) -> float:
    return round(figure.value, 4)
