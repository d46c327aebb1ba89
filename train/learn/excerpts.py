"""Excerpts of recordings as they are, from random places."""

import numpy as np
from numpy.typing import NDArray

from stapes.train.data.corpus import Corpus, Events


class Excerpts:
    """Draws excerpts of `samples` samples from a corpus; the random generator alone decides which."""

    def __init__(self, corpus: Corpus, samples: int) -> None:
        self._corpus, self._samples = corpus, samples
        self._recording_share = corpus.shares(np.arange(len(corpus)), np.diff(corpus.starts))

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], Events]:
        """Return float32[samples], full scale 32768, and the events there: recordings are joined until it is full."""
        base, found, filled = np.empty(self._samples, np.float32), [np.empty((0, 3), np.int64)], 0
        while filled < self._samples:
            index = rng.choice(len(self._corpus), p=self._recording_share)
            pcm, events = self._corpus.recording(index), self._corpus.events[index]
            length = min(self._samples - filled, len(pcm))
            start = int(rng.integers(len(pcm) - length + 1))
            base[filled : filled + length] = pcm[start : start + length]
            inside = events[(events[:, 1] > start) & (events[:, 0] < start + length)]
            clipped = np.clip(inside[:, :2], start, start + length) - start + filled
            found.append(np.column_stack([clipped, inside[:, 2]]))
            filled += length
        return base, np.concatenate(found)
