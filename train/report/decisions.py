"""What a program needs of an evaluation to go on: the mistakes to listen to, and the curves to set thresholds by."""

from collections.abc import Sequence
from typing import Any

from stapes.firmware_sim.device.events import probability
from stapes.runtime.detector import Detector
from stapes.train.judge.curves import ThresholdCurve, threshold_curve
from stapes.train.judge.judged import JudgedRecording
from stapes.train.judge.metrics import Collar, plain
from stapes.train.label.mistakes import Mistake, worst_mistakes


def decisions(detector: Detector, judged: Sequence[JudgedRecording], onset: Collar) -> dict[str, Any]:
    """Return plain values for JSON: `mistakes`, the worst first, and `curves`, class -> figures by threshold."""
    return {
        "mistakes": [_mistake(each) for each in worst_mistakes(detector, judged, onset)],
        "curves": {label: _curve(threshold_curve(detector, judged, label, onset)) for label in detector.classes},
    }


def _mistake(mistake: Mistake) -> dict[str, Any]:
    return {
        "recording": mistake.judged.recording.name,
        "kind": mistake.kind,
        "label": mistake.event.label,
        "onset": mistake.event.onset,
        "offset": mistake.event.offset,
        "probability": mistake.probability,
    }


def _curve(curve: ThresholdCurve) -> list[dict[str, float | None]]:
    """Return the points of a curve, by rising threshold (a probability); a figure that divides by 0 is None."""
    points = zip(curve.on_scores, curve.precision, curve.recall, curve.false_alarms_per_hour, strict=True)
    names = ("threshold", "precision", "recall", "false_alarms_per_hour")
    return [
        plain(dict(zip(names, (probability(int(on)), *map(float, figures)), strict=True))) for on, *figures in points
    ]
