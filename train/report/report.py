"""report.html: one file that opens offline, with all figures of a detector, and its worst mistakes to listen to."""

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from stapes.firmware_sim.device.events import SILENT, probability
from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.device.generated_c import generated_c
from stapes.firmware_sim.outputs import write_whole
from stapes.runtime.detector import Detector
from stapes.runtime.device.firmware_cost import FirmwareCost
from stapes.runtime.device.part_table import EXPLANATION, HEADER, cells, suitable
from stapes.train.judge.curves import threshold_curve
from stapes.train.judge.evaluate import Evaluation, Figures
from stapes.train.judge.judged import JudgedRecording
from stapes.train.label.mistakes import KINDS, Mistake, excerpt, mistakes
from stapes.train.report import pictures
from stapes.train.report.figures import ClassTable, class_tables, overall_figures
from stapes.train.report.page import card, cell, class_name, document, facts, figure, legend, table

MISTAKES_SHOWN = 8  # of each kind
AROUND_S = 1.0
BARS_MAX = 40  # in one picture


def write_report(
    path: Path,
    detector: Detector,
    evaluation: Evaluation,
    judged: Sequence[JudgedRecording],
    costs: Mapping[str, FirmwareCost],
) -> None:
    """Write the page to `path` in one go; `costs` are by board.

    Raises AudioError for a recording that cannot be read, and OutputError when the file cannot be written.
    """
    body = "\n".join(_body(detector, evaluation, judged, costs))
    write_whole(path, document(Path(evaluation.detector).name, body))


def _body(
    detector: Detector, evaluation: Evaluation, judged: Sequence[JudgedRecording], costs: Mapping[str, FirmwareCost]
) -> Iterator[str]:
    yield from _head(detector, evaluation)
    for each in class_tables(evaluation.figures):
        yield f"<h2>{escape(each.title)}</h2>" + _class_table(detector, evaluation.figures, each)
        yield f'<p class="note">{escape(each.note(evaluation))}</p>'
    yield '<h2>In pictures</h2><div class="grid">'
    yield from _pictures(detector, evaluation, judged)
    yield "</div>"
    missed, false = (mistakes(detector, judged, kind, evaluation.collar) for kind in KINDS)
    yield from _mistakes(detector, missed, "Worst misses")
    yield from _mistakes(detector, false, "Worst false alarms")
    yield from _device(detector, costs)
    yield from _training(detector)
    yield from _beside_float(evaluation)
    yield from _detector(detector.folder, evaluation)


def _head(detector: Detector, evaluation: Evaluation) -> Iterator[str]:
    figures = evaluation.figures
    part = f"{evaluation.split} of {Path(evaluation.dataset).name}"
    yield f"<header><h1>{escape(Path(evaluation.detector).name)}</h1>"
    yield f"<p>evaluated on {escape(part)}: {figures.events.n_recordings} recordings, "
    yield f"{60 * figures.events.hours:.1f} minutes</p>"
    yield legend(pictures.class_colors(detector.classes)) + "</header>"
    if evaluation.warning:
        yield f'<p class="warn">{escape(evaluation.warning)}</p>'
    yield '<div class="cards">'
    for each in overall_figures(figures):
        value = each.value(figures)
        yield card(each.name, cell(value, each.spec), value if each.is_share else None)
    yield card("a score every", f"{_step_ms(detector.folder):g} <small>ms</small>")
    yield "</div>"


def _class_table(detector: Detector, figures: Figures, shown: ClassTable) -> str:
    colors = pictures.class_colors(detector.classes)
    rows = [
        [class_name(label, colors[label]), *(cell(each.value(figures, label), each.spec) for each in shown.figures)]
        for label in figures.events.classes
    ]
    return table(["class", *(each.heading for each in shown.figures)], rows)


def _pictures(detector: Detector, evaluation: Evaluation, judged: Sequence[JudgedRecording]) -> Iterator[str]:
    classes = detector.classes
    curves = {label: threshold_curve(detector, judged, label, evaluation.collar) for label in classes}
    events = zip(classes, detector.folder.events, strict=True)
    own = {label: config.on_score for label, config in events if config != SILENT}
    colors = legend(pictures.class_colors(classes))
    svg = pictures.precision_recall(curves, own)
    yield figure("Other thresholds", svg, "Dot: the threshold of the detector. Grey: equal F1.", colors)
    yield figure(
        "Scores",
        pictures.score_histograms(detector, judged),
        "Filled: steps within annotated events. Line: all other steps.",
    )
    yield figure("False alarms over time", pictures.false_alarms_over_time(classes, judged), "", colors)
    svg = pictures.onset_errors(classes, judged, evaluation.collar)
    yield figure("Times of hits", svg, "Positive errors: later than annotated.", colors)
    for column, by_class in evaluation.figures.recall_by.items():
        bars = [(label, group, each) for label, groups in by_class.items() for group, each in groups.items()]
        shown, text = bars, "In brackets: the number of annotated events."
        if len(bars) > BARS_MAX:
            shown = sorted(bars, key=lambda bar: bar[2].recall.value)[:BARS_MAX]
            text = f"The worst {BARS_MAX} of {len(bars)}. {text}"
        title = f"Recall by {column}"
        yield figure(title, pictures.recall_bars(title, shown, classes), text, colors)


def _device(detector: Detector, costs: Mapping[str, FirmwareCost]) -> Iterator[str]:
    """Yield the cost on boards, as far as it was measured, and the sizes of the model in the generated C."""
    yield "<h2>On the device</h2>"
    if costs:
        header = [
            "board",
            "instructions per second",
            "cycles per second",
            "per hop",
            "frontend",
            "model",
            "events",
            "most expensive hop",
        ]
        yield table([*header, "flash", "RAM"], [_cost_row(board, cost) for board, cost in costs.items()])
        yield '<p class="note">Exact counts of instructions on an emulated core. Cycles are those of a model of the '
        yield "core with memory that never waits. Per hop: mean instructions. "
        yield "RAM includes the audio ring and the stack, flash includes the weights.</p>"
        if parts := suitable(costs):
            yield "<h3>Microcontrollers with these cores</h3>"
            yield table(list(HEADER), [[escape(cell) for cell in cells(part)] for part in parts])
            yield f'<p class="note">{escape(EXPLANATION)}</p>'
    sizes = generated_c(detector.folder).description.sizes
    constants = sizes.weights + sizes.channels + sizes.tables
    per_second = 1e3 / _step_ms(detector.folder) * sizes.macs
    yield f"<p>The model alone: {constants / 1024:.1f} KiB of constants, {sizes.ram / 1024:.1f} KiB of RAM, "
    yield f"{sizes.macs:,} multiply-accumulates per step, {per_second / 1e6:.2f} million per second.</p>"


def _cost_row(board: str, cost: FirmwareCost) -> list[str]:
    stages = {stage.name: f"{stage.mean_per_hop:,.0f}" for stage in cost.stages}
    counts = [f"{cost.mean_per_hop:,.0f}", *(stages[name] for name in ("frontend", "model", "events"))]
    kib = [f"{size / 1024:.1f} KiB" for size in (cost.flash_bytes, cost.ram_bytes)]
    known = cost.cycles
    cycles = "not known" if known is None else f"{known.per_second / 1e6:.2f} M ({known.error_text})"
    return [escape(board), f"<b>{cost.per_second / 1e6:.2f} M</b>", cycles, *counts, f"{cost.worst_hop:,}", *kib]


def _training(detector: Detector) -> Iterator[str]:
    """Yield the course of training and the effect of int8, as far as they are in the detector folder."""
    history = detector.folder.path / "training" / "history.csv"
    if history.is_file() and (svg := pictures.training_curves(history)):
        yield '<h2>Training</h2><div class="grid">' + figure("Loss and average precision", svg, "") + "</div>"
    parity = detector.folder.scores.get("parity", {})
    rows = [
        [escape(pair), *(f"{each[name]:.4f}" for name in ("mean", "p99", "largest"))]
        for pair, each in parity.get("scores", {}).items()
    ]
    if rows:
        yield "<h2>Float and int8</h2>" + table(["difference of probabilities", "mean", "p99", "largest"], rows)
    if events := parity.get("events"):
        low, high = events["int8_minus_float_low"], events["int8_minus_float_high"]
        yield (
            "<p>F1 by onset on val, each with its own thresholds: "
            f"float {events['f1_onset_float']:.3f}, int8 {events['f1_onset_int8']:.3f}; "
            f"difference {events['int8_minus_float']:+.3f} ({low:+.3f} to {high:+.3f}).</p>"
        )


def _beside_float(evaluation: Evaluation) -> Iterator[str]:
    if beside := evaluation.beside_float:
        of_float = beside.events.macro_f1_onset, beside.events.macro_f1_onset_offset
        change = beside.f1_onset_change, beside.f1_onset_offset_change
        rows = [
            ["float", *(cell(each, ".3f") for each in of_float)],
            ["deployed &minus; float", *(cell(each, "+.3f") for each in change)],
        ]
        yield "<h2>Compared with float, same thresholds</h2>"
        yield table(["on these recordings", "macro F1 onset", "macro F1 onset+offset"], rows)


def _detector(folder: DetectorFolder, evaluation: Evaluation) -> Iterator[str]:
    """Yield what the detector is: its features, its delay, and its event settings."""
    frontend, step_ms = folder.frontend, _step_ms(folder)
    ms = 1e3 / frontend.sample_rate_hz
    delay = folder.target_delay_steps
    rows_of_facts = {
        "sound": f"{frontend.sample_rate_hz / 1e3:g} kHz, windows of {ms * frontend.window_samples:g} ms every "
        f"{ms * frontend.hop_samples:g} ms, {frontend.n_bands} {frontend.band_scale} bands from "
        f"{frontend.f_min_hz:g} to {frontend.f_max_hz:g} Hz",
        "answers": f"every {step_ms:g} ms, {delay} steps ({delay * step_ms:g} ms) after the sound",
        "model": f"{len(folder.model):,} bytes, sha256 {folder.model_sha256[:12]}",
        "thresholds": _rules(folder) or "the detector folder does not say how they were chosen",
        "evaluated data": f"sha256 {evaluation.fingerprint[:12]}",
        "made with": ", ".join(f"{k} {v}" for k, v in folder.provenance.get("packages", {}).items()) or "unknown",
    }
    yield "<h2>The detector</h2>" + facts(rows_of_facts)
    colors = pictures.class_colors(folder.classes)
    rows = [
        [
            class_name(label, colors[label]),
            *(f"{probability(score):.2f}" for score in (each.on_score, each.off_score)),
            *(f"{steps * step_ms:g}" for steps in (each.smoothing_steps, each.min_duration_steps)),
            *(f"{steps * step_ms:g}" for steps in (each.merge_gap_steps, each.refractory_steps)),
            f"{each.max_duration_steps * step_ms:g}" if each.max_duration_steps else "any",
        ]
        for label, each in zip(folder.classes, folder.events, strict=True)
    ]
    header = ["class", "on threshold", "off threshold", "smoothing ms", "shortest event ms", "merge gap ms"]
    yield "<p></p>" + table([*header, "refractory ms", "longest event ms"], rows)


def _rules(folder: DetectorFolder) -> str:
    """Return how the settings of each class were chosen, once if it is the same for all classes."""
    rules: dict[str, str] = folder.operating_point.get("rule", {})
    if len(set(rules.values())) == 1:
        return next(iter(rules.values()))
    return "; ".join(f"{label}: {rule}" for label, rule in rules.items())


def _mistakes(detector: Detector, worst: Sequence[Mistake], heading: str) -> Iterator[str]:
    shown = worst[:MISTAKES_SHOWN]
    yield f'<h2>{heading}</h2><p class="note">{len(shown)} of {len(worst)}. Click in a picture to play from there.</p>'
    yield '<div class="grid">'
    yield from (_mistake(detector, each) for each in shown)
    yield "</div>"


def _mistake(detector: Detector, mistake: Mistake) -> str:
    part = excerpt(mistake, detector.sample_rate_hz, AROUND_S)
    event = mistake.event
    name = class_name(event.label, pictures.class_colors(detector.classes)[event.label])
    where = f"{event.onset:.2f} s of {mistake.judged.recording.name}"
    left, right = pictures.MISTAKE_EDGES
    sound = _flac(part.pcm, detector.sample_rate_hz)
    return (
        f'<figure class="panel mistake"><p>{name}<span>highest score {mistake.probability:.2f}</span>'
        f"<span>{escape(where)}</span></p>"
        f'<div class="picture" data-seconds="{part.end_s - part.begin_s:.3f}" data-left="{left}" data-right="{right}">'
        f"{pictures.mistake_picture(detector, mistake, part)}<i></i></div>"
        f'<audio controls preload="none" src="data:audio/flac;base64,{sound}"></audio></figure>'
    )


def _step_ms(folder: DetectorFolder) -> float:
    return 1e3 * folder.clock.step_s


def _flac(pcm: NDArray[np.int16], rate_hz: int) -> str:
    data = io.BytesIO()
    soundfile.write(data, pcm, rate_hz, format="FLAC", subtype="PCM_16")
    return base64.b64encode(data.getvalue()).decode("ascii")
