"""The float network of a detector over the recordings that were judged: what int8 and fixed point cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stapes.firmware_sim.device.events import EventDecoder, completed
from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.errors import DetectorFolderError
from stapes.runtime.labels import Annotation
from stapes.train.judge.judging import Judged
from stapes.train.judge.metrics import (
    ONSET,
    ONSET_OFFSET,
    Estimate,
    EventScores,
    count_matches,
    event_scores,
    f1_difference,
)
from stapes.train.judge.operating_point import features_of

if TYPE_CHECKING:
    from stapes.train.learn.network import FloatNetwork


@dataclass(frozen=True)
class BesideFloat:
    """Events of the float network (BatchNorm form) with the detector's thresholds, and the change from it."""

    events: EventScores
    f1_onset_change: Estimate  # macro F1 of the deployed path minus that of float, recordings resampled in pairs
    f1_onset_offset_change: Estimate


def beside_float(folder: DetectorFolder, judged: Sequence[Judged]) -> BesideFloat:
    """Score the same recordings in float. Raises DetectorFolderError when the detector has no `training` folder."""
    found = float_events(folder, judged)
    reference = {each.recording.name: each.recording.annotations for each in judged}
    deployed = {each.recording.name: each.detected for each in judged}
    durations = {each.recording.name: each.recording.duration_s for each in judged}
    change = []
    for collar in (ONSET, ONSET_OFFSET):
        own, other = (count_matches(reference, e, list(durations), folder.classes, collar) for e in (deployed, found))
        change.append(f1_difference(own, other))
    return BesideFloat(event_scores(reference, found, durations, folder.classes), *change)


def float_events(folder: DetectorFolder, judged: Sequence[Judged]) -> dict[str, list[Annotation]]:
    """Return the events per recording that the decoder of the device makes of the float network's scores."""
    from stapes.train.judge.parity import as_int8
    from stapes.train.learn.fit import Scorer

    scorer = Scorer(load_float(folder))
    features = list(features_of(folder, [each.recording for each in judged]))
    decoder = EventDecoder(folder.classes, folder.events, folder.clock)
    events = {}
    for each, scores in zip(judged, as_int8(scorer.probabilities(features)), strict=True):
        done = completed(decoder.push(scores) + decoder.flush())
        events[each.recording.name] = [Annotation(e.onset, e.offset, e.label, e.confidence) for e in done]
    return events


def load_float(folder: DetectorFolder, dropout: float = 0.0) -> "FloatNetwork":
    """Return the float network of a detector. Raises DetectorFolderError when its `training` folder is not there."""
    from stapes.train.learn.network import FloatNetwork, Shape
    from stapes.train.settings import read_settings

    training = folder.path / "training"
    for name in ("settings.toml", "float.npz"):
        if not (training / name).is_file():
            raise DetectorFolderError(f"{training} holds no {name}, so there is no float network to compare with")
    shape = Shape.of(read_settings(training / "settings.toml").network, folder.frontend, len(folder.classes))
    network = FloatNetwork(shape, dropout)
    with np.load(training / "float.npz") as arrays:
        if len(arrays.files) != len(network.variables):
            raise DetectorFolderError(f"{training}/float.npz does not fit settings.toml beside it; train again")
        for index, variable in enumerate(network.variables):
            variable.assign(arrays[f"variable_{index:03}"])
    return network
