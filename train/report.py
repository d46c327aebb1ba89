"""report.html: one file that opens offline and shows what a detector reached, and lets its worst mistakes be heard."""

import base64
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from stapes.runtime.detector import Detector
from stapes.runtime.outputs import write_whole
from stapes.train import pictures
from stapes.train.curves import threshold_curve
from stapes.train.evaluate import Evaluation
from stapes.train.judging import Judged
from stapes.train.metrics import Estimate
from stapes.train.mistakes import Kind, Mistake, excerpt, mistakes
from stapes.train.text import number

MISTAKES_SHOWN = 8  # of each kind
AROUND_S = 1.0
MOST_GROUPS = 40  # bars in one picture

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #fdfdfc; --soft: #8888881f; --warn: #d55e00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --paper: #17181a; } }
body { margin: 0 auto; max-width: 70rem; padding: 1rem; font: 16px/1.5 system-ui, sans-serif;
       color: var(--ink); background: var(--paper); }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
svg { width: 100%; height: auto; display: block; }
.wide { overflow-x: auto; } .warn { border-left: .3rem solid var(--warn); padding-left: .7rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: .25rem .7rem; text-align: right; } th:first-child, td:first-child { text-align: left; }
tbody tr:nth-child(odd) { background: var(--soft); } small { opacity: .7; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .8rem; margin: 1.2rem 0; }
.card { background: var(--soft); border-radius: .5rem; padding: .6rem .9rem; }
.card b { font-size: 1.5rem; display: block; } .card small { font-size: .8rem; font-weight: normal; }
.card .span { display: block; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.6rem; }
figure { margin: 0; max-width: 40rem; } audio { width: 100%; height: 2.2rem; }
"""


def write_report(path: Path, detector: Detector, evaluation: Evaluation, judged: Sequence[Judged]) -> None:
    """Write the page, whole or not at all. Raises AudioError for a recording that cannot be read, and OutputError."""
    title = Path(evaluation.detector).name
    body = "\n".join(_body(detector, evaluation, judged))
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )
    write_whole(path, page)


def _body(detector: Detector, evaluation: Evaluation, judged: Sequence[Judged]) -> Iterator[str]:
    figures = evaluation.figures
    yield from _head(detector, evaluation)
    yield "<h2>Events</h2>" + _event_table(evaluation)
    yield "<p><small>Hit: onset within 200 ms; onset+offset: offset within max(200 ms, 20 % of the event), too. "
    yield "Small figures: 95 % over recordings.</small></p>"
    yield "<h2>Counts and times</h2>" + _application_table(evaluation)
    yield "<p><small>Rate error: how far off the count of a recording is. "
    yield "Latency: from the annotated onset to the announcement.</small></p>"
    curves = {label: threshold_curve(detector, judged, label) for label in detector.classes}
    own = {label: config.on_score for label, config in zip(detector.classes, detector.folder.events, strict=True)}
    yield '<div class="grid">'
    yield _figure("Other thresholds", pictures.precision_recall(curves, own), "Dot: the detector's own threshold.")
    yield _figure("Scores", pictures.score_histograms(detector, judged), "Steps in and outside of annotated events.")
    yield _figure("False alarms over time", pictures.false_alarms_over_time(detector.classes, judged), "")
    yield _figure("Times of hits", pictures.onset_errors(detector.classes, judged), "Positive: later than annotated.")
    for column, classes in figures.recall_by.items():
        bars = {f"{label}, {name}": each for label, groups in classes.items() for name, each in groups.items()}
        shown = dict(sorted(bars.items(), key=lambda bar: bar[1].recall.value)[:MOST_GROUPS])
        left_out = f"The worst {MOST_GROUPS} of {len(bars)}. " if len(bars) > len(shown) else ""
        ordered = bars if not left_out else shown
        title = f"Recall by {column}"
        yield _figure(title, pictures.recall_bars(title, ordered), f"{left_out}In brackets: annotated events.")
    yield "</div>"
    yield from _device(detector)
    yield from _training(detector)
    yield from _beside_float(evaluation)
    yield from _mistakes(detector, judged, "missed", "Worst misses")
    yield from _mistakes(detector, judged, "false", "Worst false alarms")


def _head(detector: Detector, evaluation: Evaluation) -> Iterator[str]:
    figures, folder = evaluation.figures, detector.folder
    events, clock = figures.events, folder.clock
    yield f"<h1>{escape(Path(evaluation.detector).name)}</h1>"
    part = f"{evaluation.split} of {Path(evaluation.dataset).name}"
    yield f"<p>hears {escape(', '.join(detector.classes))}; judged on {escape(part)}: "
    yield f"{events.n_recordings} recordings, {60 * events.hours:.1f} minutes</p>"
    if evaluation.warning:
        yield f'<p class="warn">{escape(evaluation.warning)}</p>'
    cards = [
        ("macro F1, onset", _estimate(events.macro_f1_onset, ".3f")),
        ("macro F1, onset+offset", _estimate(events.macro_f1_onset_offset, ".3f")),
        ("false alarms per hour", _estimate(events.false_alarms_per_hour, ".1f")),
        ("error rate, onset", _estimate(figures.error_rate_onset, ".2f")),
        ("macro F1, 1 s segments", _estimate(figures.segments.macro_f1, ".3f")),
        ("PSDS scenario 1", _estimate(figures.psds_1, ".3f")),
        ("PSDS scenario 2", _estimate(figures.psds_2, ".3f")),
        ("a score every", f"{1e3 * clock.step_samples / clock.sample_rate_hz:g} <small>ms</small>"),
    ]
    yield '<div class="cards">'
    yield from (f'<div class="card"><b>{value}</b>{escape(name)}</div>' for name, value in cards)
    yield "</div>"


def _event_table(evaluation: Evaluation) -> str:
    header = ["class", "annotated", "detected", "precision", "recall", "F1 onset", "F1 onset+offset", "false alarms/h"]
    rows = [
        [
            escape(label),
            str(each.n_reference),
            str(each.n_detected),
            number(each.precision),
            number(each.recall),
            _estimate(each.f1_onset, ".2f"),
            _estimate(each.f1_onset_offset, ".2f"),
            _estimate(each.false_alarms_per_hour, ".1f"),
        ]
        for label, each in evaluation.figures.events.classes.items()
    ]
    return _table(header, rows)


def _application_table(evaluation: Evaluation) -> str:
    figures = evaluation.figures
    header = ["class", "count error", "annotated/min", "detected/min", "rate error/min"]
    header += ["onset bias ms", "jitter ms", "latency ms"]
    rows = [
        [
            escape(label),
            _estimate(figures.counting[label].count_error, "+.0%"),
            f"{figures.counting[label].annotated_per_min:.2f}",
            f"{figures.counting[label].detected_per_min:.2f}",
            _estimate(figures.counting[label].rate_error_per_min, ".2f"),
            _estimate(each.onset_bias_ms, "+.0f"),
            _estimate(each.onset_jitter_ms, ".0f"),
            _estimate(each.latency_ms, ".0f"),
        ]
        for label, each in figures.timing.items()
    ]
    return _table(header, rows)


def _device(detector: Detector) -> Iterator[str]:
    """What the generated C needs, once `stapes compile` has written it."""
    description = detector.folder.path / "c" / "model.json"
    if not description.is_file():
        return
    sizes = json.loads(description.read_text(encoding="utf-8"))["sizes"]
    flash = sum(sizes[name] for name in ("weights", "channels", "tables"))
    per_second = detector.sample_rate_hz / detector.folder.clock.step_samples * sizes["macs"]
    kib = [f"{size / 1024:.1f} KiB" for size in (flash, sizes["ram"])]
    row = [escape(detector.folder.path.name), *kib, f"{sizes['macs']:,}", f"{per_second / 1e6:.2f} M"]
    header = ["model", "constants in flash", "RAM", "MACs per step", "MACs per second"]
    yield "<h2>On the device</h2>" + _table(header, [row])


def _training(detector: Detector) -> Iterator[str]:
    """How it was trained and what int8 cost, as far as the detector folder says so."""
    history = detector.folder.path / "training" / "history.csv"
    if history.is_file() and (svg := pictures.training_curves(history)):
        yield "<h2>Training</h2>" + _figure("", svg, "")
    parity = detector.folder.scores.get("parity", {})
    rows = [
        [escape(pair), *(f"{each[name]:.4f}" for name in ("mean", "p99", "largest"))]
        for pair, each in parity.get("scores", {}).items()
    ]
    if rows:
        yield "<h2>Float and int8</h2>" + _table(["difference of probabilities", "mean", "p99", "largest"], rows)
    if events := parity.get("events"):
        low, high = events["int8_minus_float_low"], events["int8_minus_float_high"]
        yield (
            "<p>F1 by onset on val, each with thresholds of its own: "
            f"float {events['f1_onset_float']:.3f}, int8 {events['f1_onset_int8']:.3f}; "
            f"difference {events['int8_minus_float']:+.3f} ({low:+.3f} to {high:+.3f}).</p>"
        )


def _beside_float(evaluation: Evaluation) -> Iterator[str]:
    if beside := evaluation.beside_float:
        of_float = beside.events.macro_f1_onset, beside.events.macro_f1_onset_offset
        change = beside.f1_onset_change, beside.f1_onset_offset_change
        rows = [
            ["float", *(_estimate(each, ".3f") for each in of_float)],
            ["deployed &minus; float", *(_estimate(each, "+.3f") for each in change)],
        ]
        yield "<h2>Beside float, same thresholds</h2>"
        yield _table(["on these recordings", "macro F1 onset", "macro F1 onset+offset"], rows)


def _mistakes(detector: Detector, judged: Sequence[Judged], kind: Kind, heading: str) -> Iterator[str]:
    worst = mistakes(detector, judged, kind)
    yield f"<h2>{heading}</h2><p>{len(worst)} in all.</p>"
    yield '<div class="grid">'
    yield from (_mistake(detector, each) for each in worst[:MISTAKES_SHOWN])
    yield "</div>"


def _mistake(detector: Detector, mistake: Mistake) -> str:
    part = excerpt(mistake, detector.sample_rate_hz, AROUND_S)
    event, name = mistake.event, mistake.judged.recording.name
    text = f"{event.label} at {event.onset:.2f} s of {name}, probability at most {mistake.probability:.2f}"
    sound = _flac(part.pcm, detector.sample_rate_hz)
    player = f'<audio controls preload="none" src="data:audio/flac;base64,{sound}"></audio>'
    return f"<figure>{pictures.mistake_picture(detector, mistake, part)}<small>{escape(text)}</small>{player}</figure>"


def _flac(pcm: NDArray[np.int16], rate_hz: int) -> str:
    data = io.BytesIO()
    soundfile.write(data, pcm, rate_hz, format="FLAC", subtype="PCM_16")
    return base64.b64encode(data.getvalue()).decode("ascii")


def _figure(title: str, svg: str, text: str) -> str:
    heading = f"<h2>{escape(title)}</h2>" if title else ""
    return f"<figure>{heading}{svg}<small>{escape(text)}</small></figure>"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table that scrolls by itself on a narrow screen; cells are HTML."""
    head = "".join(f"<th>{escape(each)}</th>" for each in header)
    body = "".join("<tr>" + "".join(f"<td>{each}</td>" for each in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _estimate(value: Estimate, spec: str) -> str:
    if np.isnan(value.value):
        return "&ndash;"
    return f"{value.value:{spec}} <small class='span'>{value.low:{spec}}&hellip;{value.high:{spec}}</small>"
