"""A source of given blocks and gaps, which never waits."""

from collections import deque
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from stapes.runtime.live.source import Block, Gap


class Played:
    """Blocks and gaps in order, then the end."""

    name, is_live, lag_s, dropped_s = "played", True, 0.0, 0.0

    def __init__(self, rate_hz: int, items: Iterable[Block | Gap]) -> None:
        self.rate_hz, self._items = rate_hz, deque(items)

    def read(self, timeout_s: float) -> Block | Gap | None:
        return self._items.popleft() if self._items else None

    def close(self) -> None: ...


def blocks(pcm: NDArray[np.int16], frames: int, channels: int = 1) -> list[Block | Gap]:
    """Cut int16[samples] into float32[frames, channels], every channel alike."""
    samples = np.repeat(pcm[:, None].astype(np.float32) / 32768, channels, axis=1)
    return [samples[at : at + frames] for at in range(0, len(pcm), frames)]
