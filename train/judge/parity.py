"""How far scores and events of the float, the quantization-aware and the int8 form of a network differ."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.events import EventConfig, probability
from stapes.train.judge.metrics import ONSET, count_matches, f1_difference, macro_f1, match_events
from stapes.train.judge.operating_point import choose_settings
from stapes.train.judge.scored import ScoredRecordings
from stapes.train.settings import OperatingPointSettings

Probabilities = list[NDArray[np.float32]]  # [steps, classes] of each recording


@dataclass(frozen=True)
class ScoreDifference:
    """Absolute difference of probabilities, over all steps and classes."""

    mean: float
    p99: float
    largest: float


@dataclass(frozen=True)
class EventParity:
    """Events of the int8 model compared with those of the float and the quantization-aware network."""

    f1_onset_float: float
    f1_onset_quantized: float
    f1_onset_int8: float
    int8_minus_float: float  # macro F1 by onset; each form has settings chosen on its own scores, without a background
    int8_minus_float_low: float  # 95 % interval over recordings
    int8_minus_float_high: float
    pairs: int  # with the same settings for both: events whose onsets match within 200 ms
    only_float: int
    only_int8: int


@dataclass(frozen=True)
class Parity:
    """Differences of scores, by the pair of forms compared, and of events."""

    scores: dict[str, ScoreDifference]
    events: EventParity

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers for JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return the lines of a report for people."""
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


def compare_forms(
    in_float: Probabilities,
    quantized: Probabilities,
    int8: ScoredRecordings,
    configs: Sequence[EventConfig],
    settings: OperatingPointSettings,
    *,
    with_background: bool = False,
) -> Parity:
    """Compare the three forms on the same recordings.

    configs: the detector's own settings, which were chosen on the int8 scores. with_background: whether a background
    took part in that choice. The other two forms did not hear it, so F1 of the int8 form is then that of settings
    which are chosen without it, too.
    """
    device = [probability(scores).astype(np.float32) for scores in int8.scores]  # exact: multiples of 1/256
    float_scored, quantized_scored = (replace(int8, scores=tuple(as_int8(each))) for each in (in_float, quantized))
    own_int8 = choose_settings(int8, settings, "thresholds on val alone") if with_background else configs
    return Parity(
        scores={
            "float / int8": _difference(in_float, device),
            "float / quantization-aware": _difference(in_float, quantized),
            "quantization-aware / int8": _difference(quantized, device),
        },
        events=_compare_events(float_scored, quantized_scored, int8, configs, own_int8, settings),
    )


def as_int8(probabilities: Probabilities) -> list[NDArray[np.int8]]:
    """Return the nearest int8 score of each probability p, as `probability` reads it: round(256 p) - 128, <= 127."""
    return [np.clip(np.rint(each * 256) - 128, -128, 127).astype(np.int8) for each in probabilities]


def _difference(one: Probabilities, other: Probabilities) -> ScoreDifference:
    apart = np.abs(np.concatenate(one) - np.concatenate(other))
    return ScoreDifference(float(apart.mean()), float(np.quantile(apart, 0.99)), float(apart.max()))


def _compare_events(
    in_float: ScoredRecordings,
    quantized: ScoredRecordings,
    int8: ScoredRecordings,
    configs: Sequence[EventConfig],
    own_int8: Sequence[EventConfig],
    settings: OperatingPointSettings,
) -> EventParity:
    own_float = choose_settings(in_float, settings, "thresholds of the float network")
    own_quantized = choose_settings(quantized, settings, "thresholds of the quantization-aware network")
    of_float, of_int8 = _match_counts(in_float, own_float), _match_counts(int8, own_int8)
    change = f1_difference(of_int8, of_float)
    pairs, only_float, only_int8 = _pair_counts(in_float, int8, configs)
    return EventParity(
        f1_onset_float=float(macro_f1(of_float.sum(0))),
        f1_onset_quantized=float(macro_f1(_match_counts(quantized, own_quantized).sum(0))),
        f1_onset_int8=float(macro_f1(of_int8.sum(0))),
        int8_minus_float=change.value,
        int8_minus_float_low=change.low,
        int8_minus_float_high=change.high,
        pairs=pairs,
        only_float=only_float,
        only_int8=only_int8,
    )


def _pair_counts(
    in_float: ScoredRecordings, int8: ScoredRecordings, configs: Sequence[EventConfig]
) -> tuple[int, int, int]:
    """Return how many events match with the same settings for both, and how many are in one of them only."""
    both = only_float = only_int8 = 0
    float_events, int8_events = in_float.events(configs), int8.events(configs)
    for name in int8.names:
        for label in int8.classes:
            one = [event for event in float_events[name] if event.label == label]
            other = [event for event in int8_events[name] if event.label == label]
            matched = len(match_events(one, other, ONSET))
            both, only_float, only_int8 = (
                both + matched,
                only_float + len(one) - matched,
                only_int8 + len(other) - matched,
            )
    return both, only_float, only_int8


def _match_counts(scored: ScoredRecordings, configs: Sequence[EventConfig]) -> NDArray[np.int64]:
    return count_matches(scored.reference, scored.events(configs), scored.names, scored.classes, ONSET)
