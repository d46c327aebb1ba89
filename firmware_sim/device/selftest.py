"""Sound for known answers: made by whole numbers only, so that every target makes the same samples and none is shipped.

noise = 1664525 * noise + 1013904223 (mod 2^32), from noise = 1; sample n is ((noise >> 16) - 32768) >> quieter,
where quieter is LOUDNESS[(n / 2048) mod 8]; in every other stretch of 2048 samples a square wave of 4096 >> quieter
is added, with a period of PERIODS[(n / 4096) mod 4] samples; the sum is saturated to int16.
"""

import numpy as np
from numpy.typing import NDArray

LOUDNESS = (10, 9, 7, 9, 4, 10, 6, 8)  # bits that the noise is shifted down
PERIODS = (32, 10, 50, 18)


def selftest_pcm(samples: int) -> NDArray[np.int16]:
    """Return the first `samples` samples of the self-test sound, int16."""
    noise, values = 1, []
    for index in range(samples):
        noise = (1664525 * noise + 1013904223) & 0xFFFFFFFF
        quieter = LOUDNESS[index // 2048 % len(LOUDNESS)]
        value = ((noise >> 16) - 32768) >> quieter
        if index // 2048 % 2:
            period = PERIODS[index // 4096 % len(PERIODS)]
            value += (4096 if index % period < period // 2 else -4096) >> quieter
        values.append(value)
    return np.clip(values, -32768, 32767).astype(np.int16)
