"""Pictures of a report as SVG inside a page: text takes the page's colour, so that light and dark both work."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from stapes.firmware_sim.frontend import Frontend
from stapes.runtime.detector import Detector
from stapes.runtime.labels import Annotation
from stapes.train.application import Recall
from stapes.train.curves import ThresholdCurve
from stapes.train.evaluate import step_edges_s
from stapes.train.judging import Judged
from stapes.train.metrics import labelled_pairs
from stapes.train.mistakes import Excerpt, Mistake, verdicts, within

INK = "#010203"  # replaced by the page's own colour
COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999")
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    "legend.frameon": False,
    "text.parse_math": False,  # a label may hold a dollar sign
}


@contextmanager
def _drawing(name: str, width: float, height: float, into: list[str]) -> Iterator[Figure]:
    """Yield a figure of so many inches; its SVG is appended to `into`. The name keeps its inner references apart."""
    with mpl.rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    into.append(svg.replace("<svg", f'<svg role="img" aria-label="{escape(name)}"', 1))


def precision_recall(curves: Mapping[str, ThresholdCurve], own: Mapping[str, int]) -> str:
    """Draw precision over recall per class; a dot stands where the detector's own threshold is."""
    svg: list[str] = []
    with _drawing("precision and recall per class", 6.4, 3.4, svg) as figure:
        axes = figure.add_subplot(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
        for color, (label, curve) in zip(_colors(), curves.items(), strict=False):
            known = ~np.isnan(curve.precision) & ~np.isnan(curve.recall)
            axes.plot(curve.recall[known], curve.precision[known], color=color, label=label)
            at = int(np.flatnonzero(curve.on_scores == own[label])[0])
            axes.plot(curve.recall[at], curve.precision[at], "o", color=color)
        axes.grid(alpha=0.2)
        axes.legend(loc="lower left")
    return svg[0]


def score_histograms(detector: Detector, judged: Sequence[Judged]) -> str:
    """Draw per class how probable it was in steps inside and outside of its annotated events, and the threshold."""
    svg: list[str] = []
    rows = -(-len(detector.classes) // 2)
    with _drawing("scores inside and outside of events", 6.4, 1.7 * rows + 0.3, svg) as figure:
        grid = figure.subplots(rows, 2, squeeze=False, sharex=True).ravel()
        for axes, color, column in zip(grid, _colors(), range(len(detector.classes)), strict=False):
            inside = [_inside(detector, each, detector.classes[column]) for each in judged]
            scores = [(each.scores[:, column].astype(int) + 128) / 256 for each in judged]
            bins = np.linspace(0, 1, 33)
            for active, name, style in ((False, "elsewhere", "step"), (True, "in events", "stepfilled")):
                values = np.concatenate([s[i == active] for s, i in zip(scores, inside, strict=True)])
                if not len(values):
                    continue
                color_of = color if active else INK
                axes.hist(values, bins, density=True, histtype=style, color=color_of, alpha=0.7, label=name, log=True)
            axes.axvline((detector.folder.events[column].on_score + 128) / 256, color=INK, linestyle=":")
            axes.yaxis.set_major_formatter("{x:g}")
            axes.set_title(detector.classes[column], fontsize=9)
        for axes in grid[len(detector.classes) :]:
            axes.set_visible(False)
        grid[0].legend(fontsize=8)
        figure.supxlabel("probability (dotted: threshold)", fontsize=9)
    return svg[0]


def false_alarms_over_time(classes: Sequence[str], judged: Sequence[Judged]) -> str:
    """Draw how false alarms add up while the recordings are heard one after the other."""
    svg: list[str] = []
    with _drawing("false alarms over time", 6.4, 2.6, svg) as figure:
        axes = figure.add_subplot(xlabel="minutes heard", ylabel="false alarms")
        starts = np.cumsum([0.0, *(each.recording.duration_s for each in judged)])
        alarms = [(start + e.onset, e.label) for start, each in zip(starts, judged, strict=False) for e in _false(each)]
        for color, label in zip(_colors(), classes, strict=False):
            times = np.array(sorted(time for time, name in alarms if name == label)) / 60
            minutes = np.concatenate([[0.0], times, [starts[-1] / 60]])
            axes.step(minutes, [*range(len(times) + 1), len(times)], where="post", color=color, label=label)
        axes.grid(alpha=0.2)
        axes.legend(loc="upper left")
    return svg[0]


def onset_errors(classes: Sequence[str], judged: Sequence[Judged]) -> str:
    """Draw how early or late the onsets of hits are, and how long until they are announced."""
    svg: list[str] = []
    hits = [
        (found.label, 1e3 * (found.onset - true.onset), 1e3 * (announced - true.onset))
        for each in judged
        for true, found, announced in _hits(each)
    ]
    with _drawing("onset errors and latency of hits", 6.4, 2.6, svg) as figure:
        pair = figure.subplots(1, 2)
        for axes, field, title in zip(pair, (1, 2), ("onset error (ms)", "latency (ms)"), strict=True):
            values = [[hit[field] for hit in hits if hit[0] == label] for label in classes]
            axes.hist(values, bins=20, stacked=True, color=COLORS[: len(classes)], label=list(classes))
            axes.set_xlabel(title)
        pair[0].set_ylabel("hits")
        pair[1].legend(fontsize=8)
    return svg[0]


def recall_bars(title: str, recalls: Mapping[str, Recall]) -> str:
    """Draw recall per group as bars with their intervals; the number of events stands beside the name."""
    svg: list[str] = []
    with _drawing(title, 6.4, 0.26 * len(recalls) + 0.7, svg) as figure:
        axes = figure.add_subplot(xlim=(0, 1), xlabel="recall")
        names = [f"{name} ({each.n_reference})" for name, each in recalls.items()]
        values = np.array([each.recall.value for each in recalls.values()])
        low, high = (np.array([getattr(each.recall, end) for each in recalls.values()]) for end in ("low", "high"))
        spread = np.maximum(np.stack([values - low, high - values]), 0)
        axes.barh(names, values, xerr=spread, color=COLORS[0], ecolor=INK, error_kw={"alpha": 0.5})
        axes.invert_yaxis()
        axes.tick_params(axis="y", labelsize=7 if len(recalls) > 12 else 8)
    return svg[0]


def training_curves(history: Path) -> str:
    """Draw every column of training/history.csv over its rows; empty when the file holds no numbers."""
    import csv

    rows = list(csv.DictReader(history.read_text(encoding="utf-8").splitlines()))
    columns = [name for name in (rows[0] if rows else {}) if name not in ("phase", "step")]
    if not columns:
        return ""
    svg: list[str] = []
    with _drawing("training curves", 6.4, 2.4, svg) as figure:
        phases = list(dict.fromkeys(row.get("phase", "") for row in rows))
        for axes, name in zip(np.atleast_1d(figure.subplots(1, len(columns))), columns, strict=True):
            for color, phase in zip(_colors(), phases, strict=False):
                part = [(int(row["step"]), float(row[name])) for row in rows if row.get("phase", "") == phase]
                axes.plot(*zip(*part, strict=True), ".-", color=color, label=phase)
            axes.set(xlabel="step", title=name.replace("_", " "))
            axes.title.set_fontsize(9)
            axes.grid(alpha=0.2)
        axes.legend(fontsize=8)
    return svg[0]


def mistake_picture(detector: Detector, mistake: Mistake, part: Excerpt) -> str:
    """Draw the spectrogram as the detector hears it, the score of the class, and annotated and detected events."""
    svg: list[str] = []
    event, frontend = mistake.event, detector.folder.frontend
    name = f"{mistake.kind} {event.label} in {mistake.judged.recording.name} at {event.onset:.2f} s"
    with _drawing(name, 6.4, 3.0, svg) as figure:
        top, middle, below = figure.subplots(3, 1, sharex=True, height_ratios=[3, 1, 0.9])
        features = Frontend(detector.folder.tables).features(part.pcm)
        hop_s = frontend.hop_samples / frontend.sample_rate_hz
        center_s = (frontend.window_samples - frontend.hop_samples) / 2 / frontend.sample_rate_hz
        extent = (center_s, center_s + len(features) * hop_s, 0, frontend.n_bands)
        top.imshow(features.T, origin="lower", aspect="auto", extent=extent, cmap="magma", interpolation="nearest")
        top.set_ylabel("band")
        _draw_score(middle, detector, mistake, part)
        events = verdicts(mistake.judged)
        for row, kind in enumerate(("detected", "reference")):
            _draw_events(below, row, within(events[kind], part), detector.classes)
        below.set_yticks([0, 1], ["detected", "annotated"])
        below.set(ylim=(-0.6, 1.6), xlim=(0, part.end_s - part.begin_s), xlabel="seconds")
        for axes in (top, middle, below):
            axes.axvspan(event.onset - part.begin_s, event.offset - part.begin_s, color="#d55e00", alpha=0.18, lw=0)
    return svg[0]


def _draw_score(axes: Axes, detector: Detector, mistake: Mistake, part: Excerpt) -> None:
    column = detector.classes.index(mistake.event.label)
    scores = (mistake.judged.scores[:, column].astype(int) + 128) / 256
    edges = step_edges_s(detector, len(scores)) - part.begin_s
    axes.stairs(scores, edges, color=COLORS[column % len(COLORS)], baseline=None)
    axes.axhline((detector.folder.events[column].on_score + 128) / 256, color=INK, linestyle=":", lw=0.8)
    axes.set(ylim=(0, 1), ylabel=mistake.event.label)


def _draw_events(axes: Axes, row: int, events: Sequence[Annotation], classes: Sequence[str]) -> None:
    for each in events:
        color = COLORS[list(classes).index(each.label) % len(COLORS)]
        axes.barh(row, max(each.offset - each.onset, 0.01), left=each.onset, height=0.6, color=color)
        axes.text(each.onset, row, each.label, fontsize=7, va="center", clip_on=True)


def _hits(judged: Judged) -> list[tuple[Annotation, Annotation, float]]:
    pairs = labelled_pairs(judged.recording.annotations, judged.detected)
    return [(judged.recording.annotations[i], judged.detected[j], judged.announced_s[j]) for i, j in pairs]


def _false(judged: Judged) -> list[Annotation]:
    return verdicts(judged)["false"]


def _inside(detector: Detector, judged: Judged, label: str) -> NDArray[np.bool_]:
    """Return bool [steps]: whether a step overlaps an annotated event of the class."""
    edges = step_edges_s(detector, len(judged.scores))
    inside = np.zeros(len(judged.scores), np.bool_)
    for each in judged.recording.annotations:
        if each.label == label:
            inside |= (edges[1:] > each.onset) & (edges[:-1] < max(each.offset, each.onset + 1e-6))
    return inside


def _colors() -> Iterator[str]:
    while True:
        yield from COLORS
