"""The mistakes of a detector: missed events and false alarms, the worst first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.events import probability
from stapes.runtime.detector import Detector
from stapes.runtime.labels import Annotation
from stapes.train.judge.false_alarms import untouching
from stapes.train.judge.judged import JudgedRecording
from stapes.train.judge.metrics import ONSET, Collar, labelled_pairs, without

Kind = Literal["missed", "false"]
KINDS: tuple[Kind, Kind] = ("missed", "false")


@dataclass(frozen=True)
class Mistake:
    """One event that is annotated but not detected ("missed"), or detected but not annotated ("false")."""

    kind: Kind
    judged: JudgedRecording
    event: Annotation
    probability: float  # the highest of the event's class during the event

    @property
    def badness(self) -> float:
        """How confident the detector was of its mistake, from 0 to 1."""
        return self.probability if self.kind == "false" else 1 - self.probability


def outcomes(judged: JudgedRecording, onset: Collar = ONSET) -> dict[str, list[Annotation]]:
    """Return the events of a recording that are annotated ("reference"), "detected", "missed" and "false".

    An event is missed when no detected one matches it by onset. A detected event is false when it touches no annotated
    one of its class (false_alarms.py).
    """
    reference = judged.recording.annotations
    pairs = labelled_pairs(reference, judged.detected, onset)
    return {
        "reference": list(reference),
        "detected": list(judged.detected),
        "missed": without(reference, {i for i, _ in pairs}),
        "false": untouching(reference, judged.detected),
    }


def mistakes(detector: Detector, judged: Sequence[JudgedRecording], kind: Kind, onset: Collar = ONSET) -> list[Mistake]:
    """Return all mistakes of one kind, the worst first."""
    found = [
        Mistake(kind, each, event, _highest(detector, each, event))
        for each in judged
        for event in outcomes(each, onset)[kind]
    ]
    return sorted(found, key=lambda each: (-each.badness, each.judged.recording.name, each.event.onset))


def worst_mistakes(detector: Detector, judged: Sequence[JudgedRecording], onset: Collar = ONSET) -> list[Mistake]:
    """Return the mistakes of both kinds, the worst first."""
    both = (each for kind in KINDS for each in mistakes(detector, judged, kind, onset))
    return sorted(both, key=lambda each: -each.badness)


def _highest(detector: Detector, judged: JudgedRecording, event: Annotation) -> float:
    """Return the highest probability of the event's class in the steps that the event overlaps."""
    scores = judged.scores[:, detector.classes.index(event.label)]
    edges = detector.folder.clock.edges_s(len(scores))
    inside = scores[(edges[1:] > event.onset) & (edges[:-1] < max(event.offset, event.onset + 1e-6))]
    return probability(int(inside.max(initial=-128)))


@dataclass(frozen=True)
class Excerpt:
    """The part of a recording around an event."""

    begin_s: float  # in the recording
    end_s: float
    pcm: NDArray[np.int16]  # at the detector's rate


def excerpt(mistake: Mistake, rate_hz: int, around_s: float, longest_s: float = 10.0) -> Excerpt:
    """Return the event with `around_s` seconds of sound before and after it, cut after `longest_s` seconds.

    Raises AudioError when the file cannot be opened. Only this part of the file is read, because recordings may be
    hours long.
    """
    recording, event = mistake.judged.recording, mistake.event
    begin = max(0.0, event.onset - around_s)
    end = min(recording.duration_s, event.offset + around_s, begin + longest_s)
    return Excerpt(begin, end, recording.audio(rate_hz).excerpt(begin, end))


def events_within(events: Sequence[Annotation], part: Excerpt) -> list[Annotation]:
    """Return the events in an excerpt, clipped to it, with times from the beginning of the excerpt."""
    near = [each for each in events if each.offset >= part.begin_s and each.onset < part.end_s]
    begin, end = part.begin_s, part.end_s
    return [replace(each, onset=max(each.onset, begin) - begin, offset=min(each.offset, end) - begin) for each in near]
