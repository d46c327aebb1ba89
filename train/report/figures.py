"""Which figures of an evaluation are shown, under which names and with how many digits.

The tables of `stapes evaluate` and of report.html are made from these lists; its JSON holds every field of `Figures`. A
metric that is measured in train/judge/evaluate.py is shown everywhere once it is listed here.
"""

from collections.abc import Callable
from dataclasses import dataclass

from stapes.train.judge.evaluate import Figures
from stapes.train.judge.metrics import Estimate

Value = Estimate | float | int


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


OVERALL = (
    OverallFigure("macro F1 by onset", lambda figures: figures.events.macro_f1_onset, ".3f"),
    OverallFigure("macro F1 by onset and offset", lambda figures: figures.events.macro_f1_onset_offset, ".3f"),
    OverallFigure("macro F1 of 1 s segments", lambda figures: figures.segments.macro_f1, ".3f"),
    OverallFigure("PSDS scenario 1", lambda figures: figures.psds_1, ".3f"),
    OverallFigure("PSDS scenario 2", lambda figures: figures.psds_2, ".3f"),
    OverallFigure("false alarms per hour", lambda figures: figures.events.false_alarms_per_hour, ".1f", is_share=False),
    OverallFigure("error rate by onset", lambda figures: figures.error_rate_onset, ".2f", is_share=False),
    OverallFigure(
        "error rate by onset and offset", lambda figures: figures.error_rate_onset_offset, ".2f", is_share=False
    ),
    OverallFigure("error rate of 1 s segments", lambda figures: figures.segments.error_rate, ".2f", is_share=False),
)

EVENTS = (
    ClassFigure("annotated", lambda figures, label: figures.events.classes[label].n_reference, "d"),
    ClassFigure("detected", lambda figures, label: figures.events.classes[label].n_detected, "d"),
    ClassFigure("precision", lambda figures, label: figures.events.classes[label].precision, ".2f"),
    ClassFigure("recall", lambda figures, label: figures.events.classes[label].recall, ".2f"),
    ClassFigure("F1 onset", lambda figures, label: figures.events.classes[label].f1_onset, ".2f"),
    ClassFigure("F1 onset+offset", lambda figures, label: figures.events.classes[label].f1_onset_offset, ".2f"),
    ClassFigure("false alarms/h", lambda figures, label: figures.events.classes[label].false_alarms_per_hour, ".1f"),
    ClassFigure("F1 segments", lambda figures, label: figures.segments.f1[label], ".2f"),
)
EVENTS_NOTE = (
    "A detected event is a hit when its onset lies within 200 ms of the annotated one; by onset and offset, its offset "
    "must lie within 200 ms or 20 % of the event's duration as well, whichever is more. "
    "Intervals are 95 % over recordings."
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
)
COUNTS_AND_TIMES_NOTE = (
    "Rate error: mean difference between detected and annotated events per minute of a recording. Latency: from the "
    "annotated onset to the announcement of the event."
)
