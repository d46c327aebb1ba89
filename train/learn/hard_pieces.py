"""Pieces of event-free stretches, drawn the more often the more they sound like events to the network."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stapes.train.data.corpus import Corpus

PIECE_S = 4.0  # at most
# What an annotator missed scores like an event for ever. So no piece is harder than one that may be a false alarm, and
# a second of the hardest is drawn ten times as often as one in which nothing is heard, never more. The square leaves
# little to the low scores that most pieces have.
HARDEST_SCORE = 0.5
PREFERENCE = 9.0


class HardPieces:
    """The pieces of a corpus's event-free stretches, and how hard each of them was when the network heard it last."""

    def __init__(self, corpus: Corpus, stretches: NDArray[np.int64]) -> None:
        """Cut `stretches`, int64[stretches, 3], into equal pieces; a row is first and last sample and recording."""
        longest = int(PIECE_S * corpus.sample_rate_hz)
        rows = []
        for start, stop, recording in stretches:
            edges = np.linspace(start, stop, -(-(stop - start) // longest) + 1).astype(np.int64)
            rows += [(first, last, recording) for first, last in pairwise(edges)]
        self.places = np.array(rows, np.int64).reshape(-1, 3)
        self._by_length = corpus.shares(self.places[:, 2], self.places[:, 1] - self.places[:, 0])
        self.hardness = np.zeros(len(self.places))

    @property
    def hardness(self) -> NDArray[np.float64]:
        """The highest score of each piece, float64[pieces]; 0 for those that were not heard yet."""
        return self._hardness

    @hardness.setter
    def hardness(self, hardness: NDArray[np.float64]) -> None:
        weights = self._by_length * (1.0 + PREFERENCE * np.minimum(hardness / HARDEST_SCORE, 1.0) ** 2)
        self.shares, self._hardness = weights / max(weights.sum(), 1e-12), hardness

    @property
    def are_known(self) -> bool:
        """Whether any piece was heard."""
        return bool(self._hardness.any())

    def draw(self, rng: np.random.Generator) -> tuple[int, int]:
        """Return the first sample of a random piece, and the sample after its last."""
        start, stop, _ = self.places[rng.choice(len(self.places), p=self.shares)]
        return int(start), int(stop)
