"""The operators and the targets of the compiler, from which help texts are made too: nothing heavy is imported here."""

from dataclasses import dataclass
from typing import Literal

from stapes.convert.lower.layers import ON_SHAPES, SUPPORTED

# Operators on resource variables, which passes/lift_states.py turns into states.
RESOURCE_OPERATORS = ("CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")
OPERATORS = tuple(sorted((*SUPPORTED, *RESOURCE_OPERATORS)))
SHAPE_OPERATORS = tuple(kind for kind in ON_SHAPES if kind not in SUPPORTED)


@dataclass(frozen=True)
class Target:
    """A kind of processor: its name for people, and the layouts of its weights, which are names in packing.LAYOUTS."""

    processors: str
    layouts: tuple[str, ...]


TARGETS = {
    "any": Target("every layout, among which the C compiler's macros choose", ("ROWS", "DSP", "MVE", "HOST")),
    "portable": Target("any processor, RISC-V and ARMv6-M included", ("ROWS",)),
    "cortex-m": Target("Cortex-M4, M7 and M33, with the DSP extension", ("DSP",)),
    "helium": Target("Cortex-M55 and M85", ("MVE",)),
    "host": Target("x86-64 with AVX2, and AArch64", ("HOST",)),
}


@dataclass(frozen=True)
class BlobTarget:
    """The one kind of processor that a blob is packed for."""

    processors: str
    layout: str  # a name in packing.LAYOUTS
    byte_order: Literal["little", "big"] = "little"


BLOB_TARGETS = {
    **{name: BlobTarget(each.processors, each.layouts[0]) for name, each in TARGETS.items() if name != "any"},
    "big-endian": BlobTarget("any big-endian processor; all others are little-endian", "ROWS", "big"),
}
