"""An evaluation as text tables."""

import textwrap
from collections.abc import Iterator

from stapes.train.judge.application import Recall
from stapes.train.judge.comparison import Comparison
from stapes.train.judge.differences import Change
from stapes.train.judge.evaluate import Evaluation, Figures
from stapes.train.judge.float_reference import FloatComparison
from stapes.train.report.figures import ClassTable, class_tables, overall_figures
from stapes.train.text import first_names, narrow_tables, number, table

GROUPS_MAX = 8  # columns of a table of recall by group
COLUMNS = 100  # characters, of tables and notes


def evaluation_lines(evaluation: Evaluation) -> Iterator[str]:
    """Yield the lines of all tables; 95 % intervals over recordings stand in brackets."""
    figures = evaluation.figures
    count = figures.events.n_recordings
    yield (
        f"{evaluation.detector} on {evaluation.split} of {evaluation.dataset}: "
        f"{count} recording{'s' * (count != 1)}, {60 * figures.events.hours:.1f} min"
    )
    yield from textwrap.wrap(evaluation.warning, COLUMNS)
    for each in class_tables(figures):
        yield ""
        yield from _class_table(figures, each)
        yield from textwrap.wrap(each.note(evaluation), COLUMNS)
    for column, classes in figures.recall_by.items():
        yield from _recall_by(column, classes)
    yield ""
    overall = overall_figures(figures)
    yield from table(["all classes", ""], [[each.name, number(each.value(figures), each.spec)] for each in overall])
    if evaluation.beside_float:
        yield ""
        yield from _beside_float(evaluation.beside_float)
    if evaluation.comparison:
        yield ""
        yield from _comparison(evaluation.comparison)


def _class_table(figures: Figures, shown: ClassTable) -> Iterator[str]:
    rows = [
        [label, *(number(each.value(figures, label), each.spec) for each in shown.figures)]
        for label in figures.events.classes
    ]
    yield from narrow_tables(["class", *(each.heading for each in shown.figures)], rows, COLUMNS)


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


def _comparison(compared: Comparison) -> Iterator[str]:
    found = compared.differences
    count = compared.n_recordings
    yield f"beside {compared.before}, on {count} recording{'s' * (count != 1)} that neither was trained on"
    if compared.left_out:
        left_out = f"{len(compared.left_out)} left out: {first_names(compared.left_out)}"
        yield from textwrap.wrap(f"{left_out}; one of the two was trained on them", COLUMNS)
    if compared.warning:
        yield from textwrap.wrap(f"{compared.before}: {compared.warning}", COLUMNS)
    for classes, which in ((compared.only_now, "the new one"), (compared.only_before, "the one before")):
        if classes:
            yield from textwrap.wrap(f"not compared, because only {which} knows them: {', '.join(classes)}", COLUMNS)
    rows = [
        [label, str(each.n_sources), *_change(each.f1_onset, ".2f"), *_change(each.false_alarms_per_hour, ".1f")]
        for label, each in found.classes.items()
    ]
    rows.append(
        ["all classes", "", *_change(found.macro_f1_onset, ".2f"), *_change(found.false_alarms_per_hour, ".1f")]
    )
    headings = ["F1 onset\nbefore", "F1 onset\nnow", "difference", "false alarms/h\nbefore", "false alarms/h\nnow"]
    yield from table(["class", "sources", *headings, "difference"], rows)
    yield from textwrap.wrap(compared.summary, COLUMNS)


def _change(change: Change, spec: str) -> list[str]:
    return [number(change.before, spec), number(change.now, spec), number(change, spec)]
