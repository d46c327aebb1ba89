"""Which figures of an evaluation are shown, under which names and with how many digits.

The tables of `stapes evaluate` and of report.html are made from these lists; its JSON holds every field of `Figures`. A
metric that is measured in train/judge/evaluate.py is shown everywhere once it is listed here, in `OVERALL` or in one of
the tables of classes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan

from stapes.train.judge.alarm_budget import CONFIDENCE, AlarmRate, hours_text
from stapes.train.judge.evaluate import Evaluation, Figures
from stapes.train.judge.metrics import Collar, Estimate

Value = Estimate | AlarmRate | float | int


@dataclass(frozen=True)
class OverallFigure:
    """One figure over all classes."""

    name: str
    value: Callable[[Figures], Estimate]
    spec: str  # format specification of the value and of its interval
    is_share: bool = True  # between 0 and 1, so that its interval can be drawn on a bar


@dataclass(frozen=True)
class ClassFigure:
    """One figure of each class: a column of a table."""

    heading: str
    value: Callable[[Figures, str], Value]  # of the class with this label
    spec: str


@dataclass(frozen=True)
class ClassTable:
    """Some figures of each class, and what they mean."""

    title: str
    figures: tuple[ClassFigure, ...]
    note: Callable[[Evaluation], str]


OVERALL = (
    OverallFigure("macro F1 by onset", lambda figures: figures.events.macro_f1_onset, ".3f"),
    OverallFigure("macro F1 by onset and offset", lambda figures: figures.events.macro_f1_onset_offset, ".3f"),
    OverallFigure("macro F1 by overlap", lambda figures: figures.events.macro_f1_overlap, ".3f"),
    OverallFigure("macro F1 of 1 s segments", lambda figures: figures.segments.macro_f1, ".3f"),
    OverallFigure("PSDS scenario 1", lambda figures: figures.psds_1, ".3f"),
    OverallFigure("PSDS scenario 2", lambda figures: figures.psds_2, ".3f"),
    OverallFigure("false alarms per hour", lambda figures: figures.alarms_per_hour, ".1f", is_share=False),
    OverallFigure("error rate by onset", lambda figures: figures.error_rate_onset, ".2f", is_share=False),
    OverallFigure(
        "error rate by onset and offset", lambda figures: figures.error_rate_onset_offset, ".2f", is_share=False
    ),
    OverallFigure("error rate of 1 s segments", lambda figures: figures.segments.error_rate, ".2f", is_share=False),
)


def _by_times_note(evaluation: Evaluation) -> str:
    return (
        f"A detected event is a hit when its onset lies within {_onset_limit(evaluation.collar)} of the annotated one; "
        "by onset and offset, its offset must lie within 200 ms or 20 % of the event's duration as well, whichever is "
        "more. Intervals are 95 % over recordings."
    )


def _onset_limit(collar: Collar) -> str:
    if not collar.onset_fraction:
        return "200 ms"
    return f"200 ms or {100 * collar.onset_fraction:g} % of the event's duration, whichever is more,"


def _by_overlap_note(evaluation: Evaluation) -> str:
    return (
        "By overlap, an annotated event is found when at least half of it is covered by detected events, each of which "
        "lies on annotated events with at least half of its own duration: in pieces, or begun late, if need be. "
        + _alarms_note(evaluation)
    )


def _alarms_note(evaluation: Evaluation) -> str:
    hours = evaluation.background_hours
    background = f", {hours_text(hours)} of background included" * bool(hours)
    return (
        "False alarms are detected events that touch no annotated event of their class, per hour without such events"
        f"{background}, as the limits of `stapes tune` count them. At most: the upper limit at {CONFIDENCE:.0%} "
        "confidence."
    )


_DETECTED = ClassFigure("detected", lambda figures, label: figures.events.classes[label].n_detected, "d")
_ALARMS = ClassFigure("false alarms/h", lambda figures, label: figures.alarms[label], "")  # its text has its own digits

EVENTS = (
    ClassFigure("annotated", lambda figures, label: figures.events.classes[label].n_reference, "d"),
    _DETECTED,
    ClassFigure("precision", lambda figures, label: figures.events.classes[label].precision, ".2f"),
    ClassFigure("recall", lambda figures, label: figures.events.classes[label].recall, ".2f"),
    ClassFigure("F1 onset", lambda figures, label: figures.events.classes[label].f1_onset, ".2f"),
    ClassFigure("F1 onset+offset", lambda figures, label: figures.events.classes[label].f1_onset_offset, ".2f"),
)
OVERLAP_AND_ALARMS = (
    ClassFigure("precision", lambda figures, label: figures.events.classes[label].overlap_precision, ".2f"),
    ClassFigure("recall overlap", lambda figures, label: figures.events.classes[label].overlap_recall, ".2f"),
    ClassFigure("F1 overlap", lambda figures, label: figures.events.classes[label].f1_overlap, ".2f"),
    _ALARMS,
)
COUNTS_AND_TIMES = (
    ClassFigure("count error", lambda figures, label: figures.counting[label].count_error, "+.0%"),
    ClassFigure("annotated/min", lambda figures, label: figures.counting[label].annotated_per_min, ".2f"),
    ClassFigure("detected/min", lambda figures, label: figures.counting[label].detected_per_min, ".2f"),
    ClassFigure("rate error/min", lambda figures, label: figures.counting[label].rate_error_per_min, ".2f"),
    ClassFigure("onset bias ms", lambda figures, label: figures.timing[label].onset_bias_ms, "+.0f"),
    ClassFigure("onset jitter ms", lambda figures, label: figures.timing[label].onset_jitter_ms, ".0f"),
    ClassFigure("latency ms", lambda figures, label: figures.timing[label].latency_ms, ".0f"),
    ClassFigure("latency p95 ms", lambda figures, label: figures.timing[label].latency_p95_ms, ".0f"),
    ClassFigure("F1 segments", lambda figures, label: figures.segments.f1[label], ".2f"),
)
COUNTS_AND_TIMES_NOTE = (
    "Rate error: mean difference between detected and annotated events per minute of a recording. Latency: from the "
    "annotated onset to the announcement of the event. Times are those of hits by onset. "
    "Segments are of 1 s."
)
CLASS_TABLES = (
    ClassTable("Events by their times", EVENTS, _by_times_note),
    ClassTable("Events by overlap, and false alarms", OVERLAP_AND_ALARMS, _by_overlap_note),
    ClassTable("Counts and times", COUNTS_AND_TIMES, lambda _: COUNTS_AND_TIMES_NOTE),
)


def class_tables(figures: Figures) -> tuple[ClassTable, ...]:
    """Return the tables that say something: where no event is annotated, the one of false alarms alone."""
    annotated = any(each.n_reference for each in figures.events.classes.values())
    return CLASS_TABLES if annotated else (ClassTable("False alarms", (_DETECTED, _ALARMS), _alarms_note),)


def overall_figures(figures: Figures) -> list[OverallFigure]:
    """Return the figures over all classes that are defined."""
    return [each for each in OVERALL if not isnan(each.value(figures).value)]
