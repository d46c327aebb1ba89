"""The sound of the self-test, computed with integers only: every target makes the same samples, none are shipped.

It is noise whose loudness changes every 2048 samples, with a square wave in every other such stretch:

- noise = 1664525 * noise + 1013904223 (mod 2^32) for every sample, beginning with noise = 1;
- sample n is ((noise >> 16) - 32768) >> quieter, where quieter is LOUDNESS[(n / 2048) mod 8];
- where n / 2048 is odd, a square wave of amplitude 4096 >> quieter and of PERIODS[(n / 4096) mod 4] samples is added;
- the sum is saturated to int16.

csrc/detector/stapes_selftest.c makes the same sound on the device.
"""

import numpy as np
from numpy.typing import NDArray

LOUDNESS = (10, 9, 7, 9, 4, 10, 6, 8)  # bits by which the sound is shifted down
PERIODS = (32, 10, 50, 18)  # samples


def selftest_pcm(samples: int) -> NDArray[np.int16]:
    """Return the first samples of the self-test's sound, int16[samples]."""
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
