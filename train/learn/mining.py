"""Hear the event-free pieces of the training recordings, so that those that sound like events are drawn more often.

What was heard is part of the state of training, so that a run that goes on after a stop draws the same pieces.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.frontend import Frontend
from stapes.firmware_sim.device.tail import with_tail
from stapes.train.data.corpus import Corpus
from stapes.train.learn.hard_pieces import HardPieces
from stapes.train.settings import Settings

Score = Callable[[list[NDArray[np.int8]]], list[NDArray[np.float32]]]
"""Features int8[frames, bands] of some sounds to probabilities float32[steps, classes] of each."""

HARDNESS = "hardness_of_pieces"  # a key of the saved state of a phase
EXCERPT_S = 60.0  # longer recordings are heard in excerpts
EXCERPTS_AT_ONCE = 32
HEARD_SHARE = 0.1  # at most, of the seconds of sound that are trained on between two checks
FROM_EVENTS_S = 0.5  # nearer to an event a score may be that event's
LOUD_S = 0.1  # a high score counts when it lasts as long: it takes more than one step to raise an alarm


def most_heard_s(settings: Settings) -> float:
    """Return how many seconds of training recordings may be heard at a check; 0 without mining."""
    training = settings.training
    trained_s = training.check_every_steps * training.batch_sequences * training.sequence_s
    return max(EXCERPT_S, HEARD_SHARE * trained_s) if settings.augmentation.hard_negatives else 0.0


@dataclass(frozen=True)
class Mining:
    """Hears event-free pieces of a corpus in the detector's own features, and notes how hard they are.

    Of more than `most_s` seconds another part is heard each time, until all was heard.
    """

    corpus: Corpus
    pieces: HardPieces
    frontend: Frontend
    clock: StepClock
    seed: int
    most_s: float  # heard at a time

    @property
    def heard_s(self) -> float:
        """How many seconds are heard at a time."""
        return min(self.most_s, float(self._lengths.sum()) / self.clock.sample_rate_hz)

    def hear(self, score: Score, turn: int) -> None:
        """Score the pieces whose turn it is, all of them if there is the time, and note the highest score of each.

        When it is interrupted, nothing has changed, and the same call does all of it again.
        """
        hardness, excerpts = self.pieces.hardness.copy(), self._excerpts_of(turn)
        for at in range(0, len(excerpts), EXCERPTS_AT_ONCE):
            group = excerpts[at : at + EXCERPTS_AT_ONCE]
            probabilities = score([self._features(first, last) for first, last in group])
            for (first, last), each in zip(group, probabilities, strict=True):
                hardness[first:last] = self._hardness(first, last, each)
        self.pieces.hardness = hardness

    def state(self) -> dict[str, NDArray[Any]]:
        """Return everything that the choice of pieces depends on."""
        return {HARDNESS: self.pieces.hardness}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Continue from what `state` returned."""
        self.pieces.hardness = state[HARDNESS]

    @cached_property
    def _excerpts(self) -> NDArray[np.int64]:
        """Successive pieces of one recording that are heard together, with the events between them: int64[excerpts, 2].

        A row is the first piece, and the one after the last. The order is random.
        """
        longest, places, first, rows = int(EXCERPT_S * self.clock.sample_rate_hz), self.pieces.places, 0, []
        for index in range(1, len(places) + 1):
            ends = index == len(places) or places[index, 2] != places[first, 2]
            if ends or places[index, 1] - places[first, 0] > longest:
                rows.append((first, index))
                first = index
        order = np.random.default_rng(self.seed).permutation(len(rows))
        return np.array(rows, np.int64).reshape(-1, 2)[order]

    @cached_property
    def _lengths(self) -> NDArray[np.int64]:
        """Samples of each excerpt."""
        first, last = self._excerpts.T
        return self.pieces.places[last - 1, 1] - self.pieces.places[first, 0]

    def _excerpts_of(self, turn: int) -> list[tuple[int, int]]:
        """Return the excerpts whose turn it is, the shortest first: they are heard with others of their length."""
        lengths = self._lengths
        most, total = int(self.most_s * self.clock.sample_rate_hz), max(1, int(lengths.sum()))
        chosen = (np.cumsum(lengths) - lengths - turn * most) % total < most
        order = np.argsort(lengths[chosen], kind="stable")
        return [(int(first), int(last)) for first, last in self._excerpts[chosen][order]]

    def _features(self, first: int, last: int) -> NDArray[np.int8]:
        places = self.pieces.places
        return self.frontend.features(with_tail(self.clock, self.corpus.pcm[places[first, 0] : places[last - 1, 1]]))

    def _hardness(self, first: int, last: int, probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the highest lasting score of each piece of an excerpt, float64[pieces]."""
        begin, recording = self.pieces.places[first, 0], self.pieces.places[first, 2]
        edges = begin + self.clock.edges_samples(len(probabilities))
        middles = (edges[:-1] + edges[1:]) / 2
        lasting = max(1, round(LOUD_S / self.clock.step_s))
        loudest = uniform_filter1d(probabilities.max(axis=1), lasting, mode="nearest")
        loudest[(edges[:-1] == edges[1:]) | self._are_near_events(middles, recording)] = 0.0
        inside = [(middles >= start) & (middles < stop) for start, stop, _ in self.pieces.places[first:last]]
        return np.array([loudest[each].max(initial=0.0) for each in inside])

    def _are_near_events(self, places: NDArray[np.float64], recording: int) -> NDArray[np.bool_]:
        """Return bool[places]: whether a place, in samples of the corpus, is too near to an event, or inside of one."""
        margin, near = FROM_EVENTS_S * self.clock.sample_rate_hz, np.zeros(len(places), bool)
        for times in self.corpus.events[recording][:, :2] + self.corpus.starts[recording]:
            near |= (places > times[0] - margin) & (places < times[1] + margin)
        return near
