"""What a test holds of the virtual microphone that tests/runtime/conftest.py starts."""

import threading
import time
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE, BLOCK = 16_000, 160


@dataclass(frozen=True)
class VirtualMicrophone:
    """16 kHz, mono, paced as sound would be.

    PulseAudio throws away what comes before a recording stream runs, so silence is played first, until `hearing` is
    set by whoever records; what is lost of it shifts the recording by a whole number of samples and no more. Silence
    comes last too: PortAudio hands over whole buffers only.
    """

    pipe: Path
    environment: dict[str, str]

    def play(self, pcm: NDArray[np.int16], hearing: threading.Event) -> threading.Thread:
        """Play in a thread of its own."""
        thread = threading.Thread(target=self._play, args=(pcm, hearing))
        thread.start()
        return thread

    def _play(self, pcm: NDArray[np.int16], hearing: threading.Event) -> None:
        started, samples = time.monotonic(), 0
        with self.pipe.open("wb", buffering=0) as pipe:
            while not hearing.is_set():
                assert samples < 30 * RATE, "nobody listens"
                samples += self._write(pipe, np.zeros(BLOCK, np.int16), started, samples)
            played = np.concatenate([pcm, np.zeros(RATE // 2, np.int16)])
            for at in range(0, len(played), BLOCK):
                samples += self._write(pipe, played[at : at + BLOCK], started, samples)

    def _write(self, pipe: FileIO, block: NDArray[np.int16], started: float, samples: int) -> int:
        time.sleep(max(0.0, started + samples / RATE - time.monotonic()))
        pipe.write(block.tobytes())
        return len(block)
