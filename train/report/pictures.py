"""The pictures of a report as SVG. Their text takes the colour of the page, so that they work in light and dark."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.events import probability
from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, band_edges_hz
from stapes.runtime.detector import Detector
from stapes.runtime.labels import Annotation
from stapes.train.judge.application import Recall
from stapes.train.judge.curves import ThresholdCurve
from stapes.train.judge.judged import JudgedRecording
from stapes.train.judge.metrics import Collar, labelled_pairs
from stapes.train.label.mistakes import Excerpt, Mistake, events_within, outcomes

INK = "#010203"  # replaced by the text colour of the page
COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b3a500", "#999999")
WIDTH = 4.6  # inches: on a phone, 350 pixels wide, text of 9 points can just be read
MISTAKE_EDGES = (0.13, 0.985)  # where the time axis of a mistake begins and ends, as shares of the width
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    "grid.alpha": 0.18,
    "grid.linewidth": 0.6,
    "grid.color": INK,
    "text.parse_math": False,  # a label may contain a dollar sign
}


def class_colors(classes: Sequence[str]) -> dict[str, str]:
    """Return the colour of each class, the same in every picture and table."""
    return {label: COLORS[index % len(COLORS)] for index, label in enumerate(classes)}


@contextmanager
def _drawing(
    name: str, height: float, into: list[str], layout: Literal["constrained"] | None = "constrained"
) -> Iterator[Figure]:
    """Yield a figure `height` inches high; its SVG is appended to `into` afterwards.

    `name` describes the picture, and makes its internal identifiers unique within the page.
    """
    with mpl.rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(WIDTH, height), layout=layout)
        yield figure
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    into.append(svg.replace("<svg", f'<svg role="img" aria-label="{escape(name)}"', 1))


def precision_recall(curves: Mapping[str, ThresholdCurve], own: Mapping[str, int]) -> str:
    """Draw precision over recall per class, with a dot at the detector's own threshold, which silent classes lack.

    Thresholds below the one with the highest recall are left out: events merge there, and both figures fall.
    """
    svg: list[str] = []
    with _drawing("precision and recall per class", 3.0, svg) as figure:
        axes = figure.add_subplot(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
        _equal_f1(axes)
        for color, (label, curve) in zip(_colors(), curves.items(), strict=False):
            if label in own:
                at = int(np.flatnonzero(curve.on_scores == own[label])[0])
                axes.plot(curve.recall[at], curve.precision[at], "o", color=color, markersize=7, zorder=3)
            known = ~np.isnan(curve.precision) & ~np.isnan(curve.recall)
            if known.any():
                known[: np.nanargmax(curve.recall)] = False
            axes.plot(curve.recall[known], curve.precision[known], color=color)
    return svg[0]


def _equal_f1(axes: Axes) -> None:
    for f1 in (0.2, 0.4, 0.6, 0.8):
        recall = np.linspace(f1 / 2 + 0.005, 1.02, 100)
        axes.plot(recall, f1 * recall / (2 * recall - f1), color=INK, alpha=0.2, lw=0.7, zorder=0)
        axes.text(1.015, f1 / (2 - f1), f"{f1:g}", fontsize=7, alpha=0.6, ha="right", va="bottom")


def score_histograms(detector: Detector, judged: Sequence[JudgedRecording]) -> str:
    """Draw histograms of each class's probability within and outside of its annotated events, and the threshold."""
    svg: list[str] = []
    rows = -(-len(detector.classes) // 2)
    with _drawing("scores inside and outside of events", 1.45 * rows + 0.4, svg) as figure:
        grid = figure.subplots(rows, 2, squeeze=False, sharex=True).ravel()
        for axes, color, column in zip(grid, _colors(), range(len(detector.classes)), strict=False):
            inside = [_inside(detector, each, detector.classes[column]) for each in judged]
            scores = [probability(each.scores[:, column]) for each in judged]
            bins = np.linspace(0, 1, 33)
            for active, style in ((False, "step"), (True, "stepfilled")):
                values = np.concatenate([s[i == active] for s, i in zip(scores, inside, strict=True)])
                if not len(values):
                    continue
                color_of = color if active else INK
                axes.hist(values, bins, density=True, histtype=style, color=color_of, alpha=0.7, log=True)
            axes.axvline(probability(detector.folder.events[column].on_score), color=INK, linestyle=":", lw=1)
            axes.yaxis.set_major_formatter("{x:g}")
            axes.set_title(detector.classes[column], fontsize=9)
        for axes in grid[len(detector.classes) :]:
            axes.set_visible(False)
        figure.supxlabel("probability (dotted: threshold)", fontsize=9)
    return svg[0]


def false_alarms_over_time(classes: Sequence[str], judged: Sequence[JudgedRecording]) -> str:
    """Draw the cumulative number of false alarms over all recordings, one after the other."""
    svg: list[str] = []
    with _drawing("false alarms over time", 2.3, svg) as figure:
        axes = figure.add_subplot(xlabel="minutes", ylabel="false alarms")
        starts = np.cumsum([0.0, *(each.recording.duration_s for each in judged)])
        alarms = [(start + e.onset, e.label) for start, each in zip(starts, judged, strict=False) for e in _false(each)]
        for label, color in class_colors(classes).items():
            times = np.array(sorted(time for time, name in alarms if name == label)) / 60
            minutes = np.concatenate([[0.0], times, [starts[-1] / 60]])
            axes.step(minutes, [*range(len(times) + 1), len(times)], where="post", color=color)
        axes.set(xlim=(0, starts[-1] / 60), ylim=(0, None))
        axes.grid()
    return svg[0]


def onset_errors(classes: Sequence[str], judged: Sequence[JudgedRecording], onset: Collar) -> str:
    """Draw histograms of the onset errors of hits, and of the time until their announcement."""
    svg: list[str] = []
    hits = [
        (found.label, 1e3 * (found.onset - true.onset), 1e3 * (announced - true.onset))
        for each in judged
        for true, found, announced in _hits(each, onset)
    ]
    with _drawing("onset errors and latency of hits", 2.3, svg) as figure:
        pair = figure.subplots(1, 2)
        for axes, field, title in zip(pair, (1, 2), ("onset error (ms)", "latency (ms)"), strict=True):
            values = [[hit[field] for hit in hits if hit[0] == label] for label in classes]
            axes.hist(values, bins=20, stacked=True, color=list(class_colors(classes).values()))
            axes.set_xlabel(title)
        pair[0].set_ylabel("hits")
    return svg[0]


def recall_bars(title: str, bars: Sequence[tuple[str, str, Recall]], classes: Sequence[str]) -> str:
    """Draw the recall of each (class, group) as a bar with its interval, and the number of events beside the group."""
    svg: list[str] = []
    with _drawing(title, 0.2 * len(bars) + 0.7, svg) as figure:
        axes = figure.add_subplot(xlim=(0, 1), xlabel="recall")
        recalls = [each.recall for _, _, each in bars]
        values = np.array([each.value for each in recalls])
        low, high = (np.array([getattr(each, end) for each in recalls]) for end in ("low", "high"))
        spread = np.maximum(np.stack([values - low, high - values]), 0)
        colors = [class_colors(classes)[label] for label, _, _ in bars]
        places = np.arange(len(bars))
        axes.barh(places, values, xerr=spread, color=colors, ecolor=INK, error_kw={"alpha": 0.5, "lw": 1})
        axes.set_yticks(places, [f"{group} ({each.n_reference})" for _, group, each in bars], fontsize=8)
        axes.set_ylim(len(bars) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
    return svg[0]


def training_curves(history: Path) -> str:
    """Draw every column of training/history.csv over the gradient steps; return "" when the file has no rows."""
    rows = list(csv.DictReader(history.read_text(encoding="utf-8").splitlines()))
    columns = [name for name in (rows[0] if rows else {}) if name not in ("phase", "step")]
    if not columns:
        return ""
    svg: list[str] = []
    with _drawing("training curves", 2.2, svg) as figure:
        phases = list(dict.fromkeys(row.get("phase", "") for row in rows))
        for axes, name in zip(np.atleast_1d(figure.subplots(1, len(columns))), columns, strict=True):
            before = 0  # every phase counts from 0
            for color, phase in zip(_colors(), phases, strict=False):
                part = [row for row in rows if row.get("phase", "") == phase]
                steps = [before + int(row["step"]) for row in part]
                axes.plot(steps, [float(row[name]) for row in part], ".-", color=color, label=phase)
                before = steps[-1]
            axes.set_xlabel("gradient step")
            axes.set_title(name.replace("_", " "), fontsize=9)
            axes.grid()
        axes.legend(fontsize=8, frameon=False)
    return svg[0]


def mistake_picture(detector: Detector, mistake: Mistake, part: Excerpt) -> str:
    """Draw the detector's features as a spectrogram, the score of the class, and annotated and detected events."""
    svg: list[str] = []
    event = mistake.event
    seconds = part.end_s - part.begin_s
    name = f"{mistake.kind} {event.label} in {mistake.judged.recording.name} at {event.onset:.2f} s"
    with _drawing(name, 2.7, svg, layout=None) as figure:
        left, right = MISTAKE_EDGES
        top, middle, below = figure.subplots(
            3,
            1,
            sharex=True,
            height_ratios=[3.2, 1, 0.9],
            gridspec_kw={"left": left, "right": right, "bottom": 0.175, "top": 0.98, "hspace": 0.16},
        )
        _draw_spectrogram(top, detector, part)
        _draw_score(middle, detector, mistake, part)
        events = outcomes(mistake.judged)
        for row, kind in enumerate(("detected", "reference")):
            _draw_events(below, row, events_within(events[kind], part), seconds, class_colors(detector.classes))
        below.set_yticks([0, 1], ["detected", "labels"])
        below.tick_params(axis="y", length=0)
        below.set(ylim=(-0.6, 1.6), xlim=(0, seconds), xlabel="seconds")
        for axes, color in ((top, "white"), (middle, INK), (below, INK)):
            for time in (event.onset, event.offset):
                axes.axvline(time - part.begin_s, color=color, linestyle=(0, (2, 2)), lw=0.9, alpha=0.8)
    return svg[0]


def _draw_spectrogram(axes: Axes, detector: Detector, part: Excerpt) -> None:
    frontend = detector.folder.frontend
    features = Frontend(detector.folder.tables).features(part.pcm)
    frames = StepClock.of(frontend)
    extent = (frames.begin_s(0), frames.begin_s(len(features)), 0, frontend.n_bands)
    low, high = np.percentile(features, [2, 99.8])
    axes.imshow(
        features.T,
        origin="lower",
        aspect="auto",
        extent=extent,
        cmap="magma",
        interpolation="nearest",
        vmin=low,
        vmax=max(high, low + 1),
    )
    ticks = _band_ticks(frontend)
    axes.set_yticks(list(ticks), list(ticks.values()))
    axes.set_ylabel("kHz")


def _band_ticks(frontend: FrontendConfig) -> dict[float, str]:
    """Return the positions of at most four round frequencies on the axis of bands, with their labels in kHz."""
    centers = band_edges_hz(frontend)[1:-1]
    first, last = centers[0], centers[-1]
    decades = 10.0 ** np.arange(0, 6)
    round_hz = [hz for decade in decades for hz in (decade, 2 * decade, 5 * decade) if first <= hz <= last]
    places = np.interp(round_hz[-4:], centers, np.arange(len(centers)) + 0.5)
    return {float(place): f"{hz / 1000:g}" for place, hz in zip(places, round_hz[-4:], strict=True)}


def _draw_score(axes: Axes, detector: Detector, mistake: Mistake, part: Excerpt) -> None:
    column = detector.classes.index(mistake.event.label)
    scores = probability(mistake.judged.scores[:, column])
    edges = detector.folder.clock.edges_s(len(scores)) - part.begin_s
    axes.stairs(scores, edges, color=COLORS[column % len(COLORS)], baseline=None, lw=1.4)
    axes.axhline(probability(detector.folder.events[column].on_score), color=INK, linestyle=":", lw=0.8)
    axes.set(ylim=(0, 1.03), yticks=[0, 1], ylabel="score")


def _draw_events(axes: Axes, row: int, events: Sequence[Annotation], seconds: float, colors: Mapping[str, str]) -> None:
    """Draw events as bars, with names where there is room; the bar of an event within another one is thinner."""
    reached = 0.0
    for index, each in enumerate(events):
        length = max(each.offset - each.onset, 0.004 * seconds)
        axes.barh(row, length, left=each.onset, height=0.35 if each.onset < reached else 0.75, color=colors[each.label])
        reached = max(reached, each.onset + length)
        room = min([seconds, *(other.onset for other in events[index + 1 :])]) - reached
        if room > (0.01 + 0.018 * len(each.label)) * seconds:
            axes.text(reached + 0.01 * seconds, row, each.label, fontsize=7, va="center_baseline")


def _hits(judged: JudgedRecording, onset: Collar) -> list[tuple[Annotation, Annotation, float]]:
    pairs = labelled_pairs(judged.recording.annotations, judged.detected, onset)
    return [(judged.recording.annotations[i], judged.detected[j], judged.announced_s[j]) for i, j in pairs]


def _false(judged: JudgedRecording) -> list[Annotation]:
    return outcomes(judged)["false"]


def _inside(detector: Detector, judged: JudgedRecording, label: str) -> NDArray[np.bool_]:
    """Return for each step whether it overlaps an annotated event of the class, bool[steps]."""
    edges = detector.folder.clock.edges_s(len(judged.scores))
    inside = np.zeros(len(judged.scores), np.bool_)
    for each in judged.recording.annotations:
        if each.label == label:
            inside |= (edges[1:] > each.onset) & (edges[:-1] < max(each.offset, each.onset + 1e-6))
    return inside


def _colors() -> Iterator[str]:
    while True:
        yield from COLORS
