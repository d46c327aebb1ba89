"""The float network that a detector was made from, on the same recordings: what int8 and fixed point cost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from stapes.firmware_sim.device.events import EventDecoder
from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.errors import DetectorFolderError
from stapes.runtime.labels import Annotation
from stapes.train.judge.judged import JudgedRecording
from stapes.train.judge.metrics import (
    ONSET,
    ONSET_OFFSET,
    Estimate,
    EventScores,
    count_matches,
    event_scores,
    f1_difference,
)
from stapes.train.judge.parity import as_int8
from stapes.train.judge.scored import decode, features_of

if TYPE_CHECKING:
    from stapes.train.learn.network import FloatNetwork


@dataclass(frozen=True)
class FloatComparison:
    """Figures of the float network (with BatchNorm) under the detector's event settings, and the change from them."""

    events: EventScores
    f1_onset_change: Estimate  # macro F1 deployed minus float; the same recordings are resampled for both
    f1_onset_offset_change: Estimate


def compare_with_float(folder: DetectorFolder, judged: Sequence[JudgedRecording]) -> FloatComparison:
    """Compare with the float network on the same recordings. Raises DetectorFolderError without a `training` folder."""
    found = float_events(folder, judged)
    reference = {each.recording.name: each.recording.annotations for each in judged}
    deployed = {each.recording.name: each.detected for each in judged}
    durations = {each.recording.name: each.recording.duration_s for each in judged}
    change = []
    for collar in (ONSET, ONSET_OFFSET):
        own, other = (count_matches(reference, e, list(durations), folder.classes, collar) for e in (deployed, found))
        change.append(f1_difference(own, other))
    return FloatComparison(event_scores(reference, found, durations, folder.classes), *change)


def float_events(folder: DetectorFolder, judged: Sequence[JudgedRecording]) -> dict[str, list[Annotation]]:
    """Return the events of each recording that the device's decoder makes of the float network's scores."""
    from stapes.train.learn.fit import Scorer

    scorer = Scorer(load_float(folder))
    features = list(features_of(folder, [each.recording for each in judged]))
    decoder = EventDecoder(folder.classes, folder.events, folder.clock)
    scores = as_int8(scorer.probabilities(features))
    return {each.recording.name: decode(decoder, own) for each, own in zip(judged, scores, strict=True)}


def load_float(folder: DetectorFolder, dropout: float = 0.0) -> "FloatNetwork":
    """Return the float network of a detector. Raises DetectorFolderError without its `training` folder."""
    from stapes.train.learn.network import FloatNetwork, Shape
    from stapes.train.settings import read_settings

    training = folder.path / "training"
    for name in ("settings.toml", "float.npz"):
        if not (training / name).is_file():
            raise DetectorFolderError(
                f"{training} holds no {name}, so there is no float network to compare with; train the detector again"
            )
    shape = Shape.of(read_settings(training / "settings.toml").network, folder.frontend, len(folder.classes))
    for port in folder.model_inputs:  # the scale of training, which other versions may have chosen otherwise
        if port.name == "features" and port.scale is not None:
            shape = replace(shape, feature_scale=port.scale)
    network = FloatNetwork(shape, dropout)
    with np.load(training / "float.npz") as arrays:
        if len(arrays.files) != len(network.variables):
            raise DetectorFolderError(f"{training}/float.npz does not fit settings.toml beside it; train again")
        for index, variable in enumerate(network.variables):
            variable.assign(arrays[f"variable_{index:03}"])
    return network
