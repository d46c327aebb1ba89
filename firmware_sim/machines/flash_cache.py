"""Caches between a core and the flash of its part, and how often a program has to wait for the flash itself.

A second plugin of QEMU (boards/cache_plugin.c) follows every fetch of an instruction and every read of a constant
through the cache. The counts are exact for the program and the cache that are described; two runs give the same ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Cache:
    """A cache that replaces the line of a set that was used least recently, and reads only the word that it lacks."""

    sets: int
    ways: int  # lines of a set
    line_bytes: int
    word_bytes: int  # what the flash delivers at once

    def argument(self) -> str:
        """Return the cache as the plugin's argument."""
        return f"{self.sets}:{self.ways}:{self.line_bytes}:{self.word_bytes}"


@dataclass(frozen=True, kw_only=True)
class FlashCache:
    """The caches of a part at one clock."""

    code: Cache
    data: Cache | None  # of constants; None: they share the cache of the instructions
    miss_cycles: int  # for which the core waits for a word that the cache lacks

    def arguments(self) -> list[str]:
        """Return the arguments of the plugin."""
        return [f"code={self.code.argument()}", *([] if self.data is None else [f"data={self.data.argument()}"])]


@dataclass(frozen=True)
class FlashMisses:
    """The words that a stretch of a program made the cache read from the flash."""

    code: int
    data: int


# STM32L4R5: reference manual RM0432, flash interface: 32 lines for instructions and 8 for constants, of four words of
# 64 bits each (two banks, as the part is delivered); 5 wait states at 120 MHz, and one cycle in which the cache was
# searched. Prefetching is off after reset.
# nRF5340: product specification, CACHE: two ways, lines of four words of 64 bits, 8 KiB; a miss brings a whole line.
# The wait states are not published. 6 cycles a line were chosen so that the autoencoder's row of docs/timing.md fits.
FLASH_CACHES: Mapping[str, FlashCache] = {
    "stm32l4r5": FlashCache(
        code=Cache(sets=1, ways=32, line_bytes=32, word_bytes=8),
        data=Cache(sets=1, ways=8, line_bytes=32, word_bytes=8),
        miss_cycles=6,
    ),
    "nrf5340": FlashCache(
        code=Cache(sets=128, ways=2, line_bytes=32, word_bytes=32),
        data=None,
        miss_cycles=6,
    ),
}
