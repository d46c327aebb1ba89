"""Float, quantization-aware and int8: how far scores differ, and whether the events are the same."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.events import EventConfig
from stapes.train.judge.candidates import Judged
from stapes.train.judge.metrics import ONSET, count_matches, f1_difference, macro_f1, match_events
from stapes.train.judge.operating_point import choose
from stapes.train.settings import OperatingPointSettings

Probabilities = list[NDArray[np.float32]]  # [steps, classes] of each recording


@dataclass(frozen=True)
class ScoreDifference:
    """Absolute difference of probabilities over all steps and classes."""

    mean: float
    p99: float
    largest: float


@dataclass(frozen=True)
class EventParity:
    """Events of the int8 step beside those of the float network."""

    f1_onset_float: float
    f1_onset_quantized: float
    f1_onset_int8: float
    int8_minus_float: float  # macro F1 by onset, each with settings chosen by the same rule
    int8_minus_float_low: float  # 95 % interval over recordings
    int8_minus_float_high: float
    pairs: int  # with the same settings for both: events that match within 200 ms
    only_float: int
    only_int8: int


@dataclass(frozen=True)
class Parity:
    """The report: scores by the pair of forms compared, and events."""

    scores: dict[str, ScoreDifference]
    events: EventParity

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers for JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return the report for people."""
        rows = [f"{'scores |difference|':28} {'mean':>8} {'p99':>8} {'max':>8}"]
        rows += [f"{pair:28} {one.mean:8.5f} {one.p99:8.5f} {one.largest:8.5f}" for pair, one in self.scores.items()]
        events = self.events
        return [
            *rows,
            f"event F1 by onset: float {events.f1_onset_float:.3f}, "
            f"quantization-aware {events.f1_onset_quantized:.3f}, int8 {events.f1_onset_int8:.3f}",
            f"int8 - float: {events.int8_minus_float:+.3f} "
            f"({events.int8_minus_float_low:+.3f} to {events.int8_minus_float_high:+.3f})",
            f"events with the same thresholds: {events.pairs} in both, {events.only_float} in float only, "
            f"{events.only_int8} in int8 only",
        ]


def compare(
    in_float: Probabilities,
    quantized: Probabilities,
    int8: Judged,
    configs: Sequence[EventConfig],
    settings: OperatingPointSettings,
) -> Parity:
    """Compare the three forms; `configs` are the settings chosen on the int8 scores."""
    device = [((scores.astype(np.float32) + 128) / 256).astype(np.float32) for scores in int8.scores]
    as_scores = {"float": as_int8(in_float), "quantized": as_int8(quantized)}
    judged = {name: replace(int8, scores=tuple(scores)) for name, scores in as_scores.items()}
    return Parity(
        scores={
            "float / int8": _difference(in_float, device),
            "float / quantization-aware": _difference(in_float, quantized),
            "quantization-aware / int8": _difference(quantized, device),
        },
        events=_events(judged["float"], judged["quantized"], int8, configs, settings),
    )


def as_int8(probabilities: Probabilities) -> list[NDArray[np.int8]]:
    """Return probabilities on the grid of the scores, so that one decoder judges all."""
    return [np.clip(np.rint(each * 256) - 128, -128, 127).astype(np.int8) for each in probabilities]


def _difference(one: Probabilities, other: Probabilities) -> ScoreDifference:
    apart = np.abs(np.concatenate(one) - np.concatenate(other))
    return ScoreDifference(float(apart.mean()), float(np.quantile(apart, 0.99)), float(apart.max()))


def _events(
    in_float: Judged, quantized: Judged, int8: Judged, configs: Sequence[EventConfig], settings: OperatingPointSettings
) -> EventParity:
    own = {
        "f": _counts(in_float, choose(in_float, settings, "thresholds of the float network")),
        "q": _counts(quantized, choose(quantized, settings, "thresholds of the quantization-aware network")),
        "i": _counts(int8, configs),
    }
    macro = {name: float(macro_f1(counts.sum(0))) for name, counts in own.items()}
    change = f1_difference(own["i"], own["f"])
    pairs = [0, 0, 0]
    of_float, of_int8 = in_float.events(configs), int8.events(configs)
    for name in int8.names:
        for label in int8.classes:
            one = [event for event in of_float[name] if event.label == label]
            two = [event for event in of_int8[name] if event.label == label]
            both = len(match_events(one, two, ONSET))
            pairs = [pairs[0] + both, pairs[1] + len(one) - both, pairs[2] + len(two) - both]
    return EventParity(macro["f"], macro["q"], macro["i"], change.value, change.low, change.high, *pairs)


def _counts(judged: Judged, configs: Sequence[EventConfig]) -> NDArray[np.int64]:
    return count_matches(judged.reference, judged.events(configs), judged.names, judged.classes, ONSET)
