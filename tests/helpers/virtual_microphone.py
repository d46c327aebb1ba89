"""What a test holds of the virtual microphone that tests/runtime/conftest.py starts."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class VirtualMicrophone:
    """16 kHz, mono; `play` is paced like the sound would be."""

    pipe: Path
    environment: dict[str, str]

    def play(self, pcm: NDArray[np.int16], block_s: float = 0.01) -> None:
        block = int(16_000 * block_s)
        with self.pipe.open("wb", buffering=0) as pipe:
            started = time.monotonic()
            for at in range(0, len(pcm), block):
                pipe.write(pcm[at : at + block].tobytes())
                time.sleep(max(0.0, started + (at + block) / 16_000 - time.monotonic()))
