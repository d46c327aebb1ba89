"""`make demo`: the main job on made-up sounds, from nothing to events, in a few minutes.

It makes labelled recordings, trains a detector on the split train, and detects events in the split test, whose sources
were not trained on. The detector runs the int8 model that a device would get.
"""

import argparse
import logging
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.picture import Picture, draw
from stapes.firmware_sim.errors import OutputError, StapesError
from stapes.runtime.batch.detect import as_annotation
from stapes.runtime.console import Progress, show
from stapes.runtime.detector import Detector
from stapes.runtime.labels import Annotation
from stapes.train.data.dataset import Dataset, Recording, open_dataset
from stapes.train.data.soundscapes import standard_splits, synthesize
from stapes.train.judge.false_alarms import FalseAlarms, false_alarms
from stapes.train.judge.metrics import ONSET, EventScores, event_scores, labelled_pairs, match_events
from stapes.train.settings import AugmentationSettings, NetworkSettings, Settings, TrainingSettings

logger = logging.getLogger("stapes.benchmarks.demo")

TRAIN_MINUTES = 60.0
SETTINGS = Settings(  # a smaller network than the default trains within the demo's minutes
    network=NetworkSettings(conv_channels=(16, 24, 24), conv_stride_bands=(2, 2, 1), projection_units=32, gru_units=32),
    training=TrainingSettings(
        sequence_s=6.0, batch_sequences=16, float_steps=1300, quantized_steps=160, check_every_steps=200, dropout=0.1
    ),
    augmentation=AugmentationSettings(added_runs_per_minute=15.0),
)


@dataclass(frozen=True)
class DetectedRecording:
    """One recording, its samples at the detector's rate, and the events that the detector found in it."""

    recording: Recording
    pcm: NDArray[np.int16]
    found: list[Annotation]


def main(argv: list[str] | None = None) -> int:
    """Run the demo; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/demo"), help="replaced if an earlier demo made it")
    try:
        demo(parser.parse_args(argv).out)
    except StapesError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def demo(out: Path) -> None:
    """Make sounds, train, listen, compare, and draw; everything is left in `out`."""
    started = time.monotonic()
    sounds, folder = out / "sounds", out / "pops.stapes"
    _clear(out)
    logger.info(f"1/4 making {TRAIN_MINUTES * 1.4:.0f} minutes of labelled sounds in {sounds}")
    synthesize(sounds, standard_splits(TRAIN_MINUTES), seed=1)
    logger.info("2/4 training: float, then quantization-aware; converting")
    dataset = open_dataset(sounds)
    from stapes.train.run import train_detector  # loads TensorFlow

    trained = train_detector(dataset, folder, SETTINGS)
    logger.info("3/4 listening to recordings whose sources were never trained on")
    detector = Detector.load(folder)
    heard = listen(detector, dataset)
    scores, alarms = _scores(heard, dataset)
    logger.info("4/4 drawing")
    shown = typical(heard)
    draw(picture(detector, shown), out / "demo.png")
    print_events(shown)
    print_scores(scores, alarms, trained.scores["parity"])
    spent, hop = hop_ms(detector, shown.pcm), 1e3 * detector.folder.frontend.hop_s
    print(f"time per hop: {spent:.3f} ms in Python on this machine, of {hop:.0f} ms")
    print(f"\ndetector  {folder}\npicture   {out / 'demo.png'}\ntook      {time.monotonic() - started:.0f} s")


def _clear(out: Path) -> None:
    """Remove the output of an earlier demo. Raises OutputError for a folder that the demo did not make."""
    if out.exists() and any(out.iterdir()) and not (out / "sounds").is_dir():
        raise OutputError(f"{out} exists and was not made by the demo; name another folder with --out")
    for name in ("sounds", "pops.stapes"):
        shutil.rmtree(out / name, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)


def listen(detector: Detector, dataset: Dataset) -> list[DetectedRecording]:
    """Detect the events of every recording of the split test."""
    from stapes.runtime.audio import read_audio

    heard = []
    progress = Progress("listening", len(dataset.splits["test"]))
    for recording in dataset.splits["test"]:
        pcm = read_audio(recording.path, detector.sample_rate_hz).pcm
        heard.append(DetectedRecording(recording, pcm, [as_annotation(event) for event in detector.detect(pcm)]))
        progress.advance()
    progress.close()
    return heard


def _scores(heard: list[DetectedRecording], dataset: Dataset) -> tuple[EventScores, FalseAlarms]:
    reference = {each.recording.name: each.recording.annotations for each in heard}
    detected = {each.recording.name: each.found for each in heard}
    durations_s = {each.recording.name: each.recording.duration_s for each in heard}
    judged = reference, detected, durations_s, dataset.classes
    return event_scores(*judged), false_alarms(*judged)


def typical(heard: list[DetectedRecording]) -> DetectedRecording:
    """Return, of the recordings with events of the most classes, the one whose F1 is nearest to that of all of them."""
    classes = [len({event.label for event in each.recording.annotations}) for each in heard]
    rich = [each for each, count in zip(heard, classes, strict=True) if count == max(classes)]
    return min(rich, key=lambda each: abs(_f1([each]) - _f1(heard)))


def _f1(heard: list[DetectedRecording]) -> float:
    hits = sum(len(labelled_pairs(each.recording.annotations, each.found)) for each in heard)
    return 2 * hits / max(1, sum(len(each.recording.annotations) + len(each.found) for each in heard))


def print_events(heard: DetectedRecording) -> None:
    """Print annotated events next to detected ones, in order of time."""
    true, found = heard.recording.annotations, heard.found
    pairs: list[tuple[Annotation | None, Annotation | None]] = []
    for label in sorted({event.label for event in [*true, *found]}):
        own = [event for event in true if event.label == label]
        other = [event for event in found if event.label == label]
        matches = match_events(own, other, ONSET)
        pairs += [(own[one], other[two]) for one, two in matches]
        pairs += [(event, None) for index, event in enumerate(own) if index not in {one for one, _ in matches}]
        pairs += [(None, event) for index, event in enumerate(other) if index not in {two for _, two in matches}]
    print(f"\n{heard.recording.name}\n{'true':30} found")
    for one, two in sorted(pairs, key=lambda pair: min(event.onset for event in pair if event)):
        print(f"{_row(one):30} {_row(two)}")


def _row(event: Annotation | None) -> str:
    if event is None:
        return "-"
    sure = f"  {event.confidence:.2f}" if event.confidence is not None else ""
    return f"{event.onset:7.3f} {event.offset:7.3f}  {event.label}{sure}"


def print_scores(scores: EventScores, alarms: FalseAlarms, parity: dict[str, Any]) -> None:
    """Print event F1, false alarms and parity; F1 and the sum of all false alarms with 95 % intervals."""
    rows = {
        label: (one.f1_onset, one.f1_onset_offset, str(alarms.classes[label])) for label, one in scores.classes.items()
    }
    rows["macro"] = scores.macro_f1_onset, scores.macro_f1_onset_offset, f"{alarms.per_hour:.0f}"
    print(f"\n{'on test':10} {'F1 onset':22} {'F1 onset+offset':22} false alarms/h")
    for label, (onset, both, rate) in rows.items():
        print(f"{label:10} {f'{onset:.3f}':22} {f'{both:.3f}':22} {rate}")
    print(f"\n{'parity on val':28} {'mean |dp|':>9} {'p99':>7} {'max':>7}")
    for pair, one in parity["scores"].items():
        print(f"{pair:28} {one['mean']:9.4f} {one['p99']:7.4f} {one['largest']:7.4f}")
    events = parity["events"]
    print(
        f"event F1 by onset: float {events['f1_onset_float']:.3f}, "
        f"quantization-aware {events['f1_onset_quantized']:.3f}, int8 {events['f1_onset_int8']:.3f}\n"
        f"events with the same thresholds: {events['pairs']} in both float and int8, "
        f"{events['only_float']} in float only, {events['only_int8']} in int8 only"
    )


def picture(detector: Detector, heard: DetectedRecording) -> Picture:
    """Return what the picture of one recording shows."""
    run = detector.hear_recording(heard.pcm)
    return Picture(
        name=heard.recording.name,
        duration_s=heard.recording.duration_s,
        classes=detector.classes,
        features=run.features,
        scores=run.scores,
        thresholds=[(one.on_score, one.off_score) for one in detector.folder.events],
        true=heard.recording.annotations,
        found=heard.found,
        clock=detector.folder.clock,
        frontend=detector.folder.frontend,
    )


def hop_ms(detector: Detector, pcm: NDArray[np.int16]) -> float:
    """Return the mean time in ms of one hop: frontend, its share of a step, events."""
    hop = detector.folder.frontend.hop_samples
    detector.reset()
    blocks = [pcm[first : first + hop] for first in range(0, len(pcm) - hop, hop)]
    started = time.perf_counter()
    for block in blocks:
        detector.push(block)
    elapsed = time.perf_counter() - started
    detector.reset()
    return 1e3 * elapsed / len(blocks)


if __name__ == "__main__":
    show()
    raise SystemExit(main())
