"""An evaluation as text for people."""

from collections.abc import Iterator

from stapes.train.judge.application import Recall
from stapes.train.judge.evaluate import Evaluation, Figures
from stapes.train.judge.float_reference import BesideFloat
from stapes.train.judge.metrics import Estimate
from stapes.train.text import number, table

MOST_COLUMNS = 8


def evaluation_lines(evaluation: Evaluation) -> Iterator[str]:
    """Yield the tables; in brackets stand 95 % intervals over recordings."""
    figures = evaluation.figures
    yield (
        f"{evaluation.detector} on {evaluation.split} of {evaluation.dataset}: "
        f"{figures.events.n_recordings} recordings, {60 * figures.events.hours:.1f} min"
    )
    if evaluation.warning:
        yield evaluation.warning
    yield ""
    yield from _events(figures)
    yield ""
    yield from _application(figures)
    for column, classes in figures.recall_by.items():
        yield from _recall_by(column, classes)
    yield ""
    yield from _overall(figures)
    if evaluation.beside_float:
        yield from _beside_float(evaluation.beside_float)


def _events(figures: Figures) -> Iterator[str]:
    scores = figures.events
    header = ["class", "annotated", "detected", "precision", "recall", "F1 onset", "F1 onset+offset", "false alarms/h"]
    rows = [
        [
            label,
            str(each.n_reference),
            str(each.n_detected),
            number(each.precision),
            number(each.recall),
            f"{each.f1_onset:.2f}",
            f"{each.f1_onset_offset:.2f}",
            f"{each.false_alarms_per_hour:.1f}",
        ]
        for label, each in scores.classes.items()
    ]
    macro = [f"{scores.macro_f1_onset:.3f}", f"{scores.macro_f1_onset_offset:.3f}"]
    rows.append(["macro", "", "", "", "", *macro, ""])
    rows.append(["together", "", "", "", "", "", "", f"{scores.false_alarms_per_hour:.1f}"])
    yield from table(header, rows)
    yield "hit: onset within 200 ms; onset+offset: offset within max(200 ms, 20 % of the event), too"


def _recall_by(column: str, classes: dict[str, dict[str, Recall]]) -> Iterator[str]:
    """Yield a table unless there are too many groups for one; --json has them all."""
    groups = list(dict.fromkeys(group for each in classes.values() for group in each))
    if len(groups) > MOST_COLUMNS:
        return
    rows = []
    for label, found in classes.items():
        shown = (found.get(group) for group in groups)
        rows.append([label, *(f"{each.recall.value:.2f} of {each.n_reference}" if each else "-" for each in shown)])
    yield ""
    yield from table([f"recall by {column}", *groups], rows)


def _application(figures: Figures) -> Iterator[str]:
    header = ["class", "count error", "annotated/min", "detected/min", "rate error/min"]
    header += ["onset bias ms", "jitter ms", "latency ms", "95 % below"]
    rows = [
        [
            label,
            _percent(figures.counting[label].count_error),
            f"{figures.counting[label].annotated_per_min:.2f}",
            f"{figures.counting[label].detected_per_min:.2f}",
            f"{figures.counting[label].rate_error_per_min:.2f}",
            f"{each.onset_bias_ms:+.0f}",
            f"{each.onset_jitter_ms:.0f}",
            f"{each.latency_ms:.0f}",
            f"{each.latency_p95_ms:.0f}" if each.n_hits else "-",
        ]
        for label, each in figures.timing.items()
    ]
    yield from table(header, rows)
    yield "rate error: how far off the count of a recording is; latency: from the annotated onset to the announcement"


def _overall(figures: Figures) -> Iterator[str]:
    segments = figures.segments
    yield f"error rate {figures.error_rate_onset:.2f} by onset, {figures.error_rate_onset_offset:.2f} by onset+offset"
    yield (
        f"segments of {segments.segment_s:g} s: macro F1 {segments.macro_f1:.3f}, error rate {segments.error_rate:.2f}"
    )
    yield f"PSDS scenario 1 {figures.psds_1:.3f}, scenario 2 {figures.psds_2:.3f}"


def _beside_float(beside: BesideFloat) -> Iterator[str]:
    onset, both = beside.events.macro_f1_onset, beside.events.macro_f1_onset_offset
    yield f"float network, same thresholds: macro F1 {onset:.3f} by onset, {both:.3f} by onset+offset"
    onset, both = beside.f1_onset_change, beside.f1_onset_offset_change
    yield f"deployed - float: {onset:+.3f} by onset, {both:+.3f} by onset+offset"


def _percent(value: Estimate) -> str:
    return f"{Estimate(*(100 * each for each in (value.value, value.low, value.high))):+.0f} %"
