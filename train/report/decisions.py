"""What a program needs of an evaluation to go on: the mistakes to listen to, and the curves to set thresholds by."""

from typing import Any

from stapes.firmware_sim.device.events import probability
from stapes.runtime.detector import Detector
from stapes.train.judge.curves import ThresholdCurve, threshold_curve
from stapes.train.judge.differences import Heard
from stapes.train.judge.metrics import Collar, plain
from stapes.train.label.mistakes import Mistake, worst_mistakes


def decisions(detector: Detector, heard: Heard, onset: Collar) -> dict[str, Any]:
    """Return plain values for JSON: `mistakes`, the worst first, and `curves`, class -> figures by threshold.

    Both count the false alarms in the background, as the tables do.
    """
    curves = {
        label: threshold_curve(detector, heard.judged, label, onset, heard.background) for label in detector.classes
    }
    return {
        "mistakes": [_mistake(each) for each in worst_mistakes(detector, [*heard.judged, *heard.background], onset)],
        "curves": {label: _curve(curve) for label, curve in curves.items()},
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
