"""What an emulated program executed: instructions, the cycles of its core, and the accesses that a flash delays."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CycleCount:
    """What a stretch of a program executed.

    `cycles` holds for memory without wait states. A part's flash adds to them: at most its wait states for each
    fetch from a new line and each read of its data, less what its cache or prefetch hides.
    """

    instructions: int
    cycles: int = 0  # of the core
    fetches: int = 0  # aligned 32-bit words of code that the core fetched
    flash_reads: int = 0  # reads of data from the flash, whatever their width
    taken_branches: int = 0  # each begins a new line of code

    def __sub__(self, other: "CycleCount") -> "CycleCount":
        """Return what remains without `other`."""
        return CycleCount(
            instructions=self.instructions - other.instructions,
            cycles=self.cycles - other.cycles,
            fetches=self.fetches - other.fetches,
            flash_reads=self.flash_reads - other.flash_reads,
            taken_branches=self.taken_branches - other.taken_branches,
        )

    def __add__(self, other: "CycleCount") -> "CycleCount":
        """Return both together."""
        return CycleCount(
            instructions=self.instructions + other.instructions,
            cycles=self.cycles + other.cycles,
            fetches=self.fetches + other.fetches,
            flash_reads=self.flash_reads + other.flash_reads,
            taken_branches=self.taken_branches + other.taken_branches,
        )


NOTHING = CycleCount(instructions=0)
