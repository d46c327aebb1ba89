"""Which sounds teach a detector most when a person labels them: those that it is in doubt about.

The doubt about a sound x is the sum of three values, each from 0 to 1. With m_c, how much the logit of the highest
probability of class c during x exceeds the logit of its threshold, and m_1 >= m_2 the two largest of all classes:

    near      = exp(-min |m_c|): a class is near its threshold (uncertainty sampling: Lewis and Gale, 1994)
    disagree  = exp(-(m_1 - m_2)) / (1 + exp(-m_2)): two classes are above their thresholds, and neither far above the
                other (margin sampling: Scheffer et al., 2001)
    unlike    = 1 - exp(-d / typical), where d is the distance (alike.py) from the nearest labelled or chosen sound, and
                typical the median distance of a labelled sound from the nearest one in another recording (as in
                core-sets: Sener and Savarese, 2018)

Without a detector only `unlike` counts. Sounds are chosen one by one, so that each counts as labelled for the next, and
twenty of one kind are not all asked about. Ties are broken by recording and time: the same sounds give the same answer.
`make bench-suggest` measures how many of the most doubtful ones are mistakes of a detector.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stapes.train.label.alike import distances, nearest
from stapes.train.label.sounds import Sound

_LEAST = 1 / 512  # probabilities have steps of 1/256; keeps logits finite


@dataclass(frozen=True)
class Doubt:
    """A sound to label next, and why."""

    sound: Sound
    near: float
    disagree: float
    unlike: float
    note: str  # the reason in words

    @property
    def total(self) -> float:
        """The doubt, 0 to 3."""
        return self.near + self.disagree + self.unlike


def most_doubtful(
    sounds: Sequence[Sound], labelled: Sequence[Sound], thresholds: Mapping[str, float], count: int
) -> list[Doubt]:
    """Return the `count` sounds, of those without a label, that teach most, the first one first.

    thresholds: probability of each class of the detector, in the order of `Sound.probabilities`; {} without a detector.
    """
    ordered = sorted(sounds, key=lambda each: (each.recording, each.onset, each.label))
    near, disagree = _near_and_disagree(ordered, thresholds)
    away, typical = nearest(ordered, labelled), _typical(ordered, labelled)
    left = np.ones(len(ordered), bool)
    chosen: list[Doubt] = []
    while left.any() and len(chosen) < count:
        unlike = 1 - np.exp(-away / typical)
        best = int(np.argmax(np.where(left, near + disagree + unlike, -1)))
        parts = float(near[best]), float(disagree[best]), float(unlike[best])
        chosen.append(Doubt(ordered[best], *parts, _note(ordered[best], parts, thresholds)))
        left[best] = False
        away = np.minimum(away, distances([ordered[best]], ordered)[0])
    return chosen


def _near_and_disagree(
    sounds: Sequence[Sound], thresholds: Mapping[str, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if not thresholds or not sounds:
        return np.zeros(len(sounds)), np.zeros(len(sounds))
    above = _logit(np.array([each.probabilities for each in sounds])) - _logit(np.array([*thresholds.values()]))
    near = np.exp(-np.abs(above).min(axis=1))
    if len(thresholds) == 1:
        return near, np.zeros(len(sounds))
    second, first = np.sort(above, axis=1)[:, -2:].T
    return near, np.exp(second - first) / (1 + np.exp(-second))


def _logit(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    clipped = np.clip(probabilities, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(clipped / (1 - clipped)))


def _typical(sounds: Sequence[Sound], labelled: Sequence[Sound]) -> float:
    """Return the distance that counts as large: between labelled sounds, or all where too few are labelled."""
    for some in (labelled, sounds):
        away = nearest(some, some, elsewhere=True)
        if np.isfinite(away).any():
            return max(float(np.median(away[np.isfinite(away)])), 1e-6)
    return 1.0


def _note(sound: Sound, parts: tuple[float, float, float], thresholds: Mapping[str, float]) -> str:
    near, disagree, unlike = parts
    if unlike >= max(near, disagree) or not thresholds:
        return "unlike anything labelled so far"
    heard = sorted(zip(sound.probabilities.tolist(), thresholds, strict=True), reverse=True)
    if disagree >= near:
        (p, first), (q, second) = heard[:2]
        return f"{first} ({p:.2f}) or {second} ({q:.2f})"
    margins = {label: abs(float(_logit(np.array(p)) - _logit(np.array(thresholds[label])))) for p, label in heard}
    label = min(margins, key=lambda each: margins[each])
    p = next(p for p, each in heard if each == label)
    return f"{label} at {p:.2f}, near its threshold of {thresholds[label]:.2f}"
