"""The float network that a detector was made from, on the same recordings: what int8 and fixed point cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from stapes.firmware_sim.device.events import EventDecoder
from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.runtime.labels import Annotation
from stapes.train.judge.judged import JudgedRecording
from stapes.train.judge.metrics import (
    ONSET,
    Collar,
    Estimate,
    EventScores,
    count_matches,
    event_scores,
    f1_difference,
)
from stapes.train.judge.parity import as_int8
from stapes.train.judge.scored import decode, features_of


@dataclass(frozen=True)
class FloatComparison:
    """Figures of the float network (with BatchNorm) under the detector's event settings, and the change from them."""

    events: EventScores
    f1_onset_change: Estimate  # macro F1 deployed minus float; the same recordings are resampled for both
    f1_onset_offset_change: Estimate


def compare_with_float(
    folder: DetectorFolder, judged: Sequence[JudgedRecording], onset: Collar = ONSET
) -> FloatComparison:
    """Compare with the float network on the same recordings. Raises DetectorFolderError without a `training` folder."""
    found = float_events(folder, judged)
    reference = {each.recording.name: each.recording.annotations for each in judged}
    deployed = {each.recording.name: each.detected for each in judged}
    durations = {each.recording.name: each.recording.duration_s for each in judged}
    change = []
    for collar in (onset, onset.with_offset()):
        own, other = (count_matches(reference, e, list(durations), folder.classes, collar) for e in (deployed, found))
        change.append(f1_difference(own, other))
    return FloatComparison(event_scores(reference, found, durations, folder.classes, onset), *change)


def float_events(folder: DetectorFolder, judged: Sequence[JudgedRecording]) -> dict[str, list[Annotation]]:
    """Return the events of each recording that the device's decoder makes of the float network's scores."""
    from stapes.train.learn.fit import Scorer
    from stapes.train.learn.saved_networks import load_float  # loads TensorFlow

    scorer = Scorer(load_float(folder))
    features = list(features_of(folder, [each.recording for each in judged]))
    decoder = EventDecoder(folder.classes, folder.events, folder.clock)
    scores = as_int8(scorer.probabilities(features))
    return {each.recording.name: decode(decoder, own) for each, own in zip(judged, scores, strict=True)}
