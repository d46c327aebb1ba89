"""An evaluation as text tables."""

import textwrap
from collections.abc import Iterator, Sequence

from stapes.train.judge.application import Recall
from stapes.train.judge.evaluate import Evaluation, Figures
from stapes.train.judge.float_reference import FloatComparison
from stapes.train.report.figures import (
    COUNTS_AND_TIMES,
    COUNTS_AND_TIMES_NOTE,
    EVENTS,
    EVENTS_NOTE,
    OVERALL,
    ClassFigure,
)
from stapes.train.text import number, table

GROUPS_MAX = 8  # columns of a table of recall by group
NOTE_COLUMNS = 100  # characters


def evaluation_lines(evaluation: Evaluation) -> Iterator[str]:
    """Yield the lines of all tables; 95 % intervals over recordings stand in brackets."""
    figures = evaluation.figures
    yield (
        f"{evaluation.detector} on {evaluation.split} of {evaluation.dataset}: "
        f"{figures.events.n_recordings} recordings, {60 * figures.events.hours:.1f} min"
    )
    if evaluation.warning:
        yield evaluation.warning
    yield ""
    yield from _class_table(figures, EVENTS)
    yield from textwrap.wrap(EVENTS_NOTE, NOTE_COLUMNS)
    yield ""
    yield from _class_table(figures, COUNTS_AND_TIMES)
    yield from textwrap.wrap(COUNTS_AND_TIMES_NOTE, NOTE_COLUMNS)
    for column, classes in figures.recall_by.items():
        yield from _recall_by(column, classes)
    yield ""
    yield from table(["all classes", ""], [[each.name, number(each.value(figures), each.spec)] for each in OVERALL])
    if evaluation.beside_float:
        yield ""
        yield from _beside_float(evaluation.beside_float)


def _class_table(figures: Figures, columns: Sequence[ClassFigure]) -> Iterator[str]:
    rows = [
        [label, *(number(each.value(figures, label), each.spec) for each in columns)]
        for label in figures.events.classes
    ]
    yield from table(["class", *(each.heading for each in columns)], rows)


def _recall_by(column: str, classes: dict[str, dict[str, Recall]]) -> Iterator[str]:
    """Yield a table of recall by group, unless there are too many groups for one; --json has them all."""
    groups = list(dict.fromkeys(group for each in classes.values() for group in each))
    if len(groups) > GROUPS_MAX:
        return
    rows = []
    for label, found in classes.items():
        shown = (found.get(group) for group in groups)
        rows.append([label, *(f"{each.recall.value:.2f} of {each.n_reference}" if each else "-" for each in shown)])
    yield ""
    yield from table([f"recall by {column}", *groups], rows)


def _beside_float(beside: FloatComparison) -> Iterator[str]:
    onset, both = beside.events.macro_f1_onset, beside.events.macro_f1_onset_offset
    yield f"float network, same thresholds: macro F1 {onset:.3f} by onset, {both:.3f} by onset and offset"
    onset, both = beside.f1_onset_change, beside.f1_onset_offset_change
    yield f"deployed - float: {onset:+.3f} by onset, {both:+.3f} by onset and offset"
