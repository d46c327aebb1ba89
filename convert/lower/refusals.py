"""Collect what is refused in a model, so that one error says all of it."""

from collections import Counter
from dataclasses import dataclass

from stapes.convert.lower.foreign import CONVERT_AGAIN, DYNAMIC_RANGE, FLOAT16, FLOAT32, NARROW, UINT8, purpose
from stapes.firmware_sim.errors import ModelError
from stapes.firmware_sim.tflite.graph import Graph, Operator

LONGEST_FINDING = 320  # characters of what a message quotes; a damaged file may hold lists of any length
MOST_REASONS = 12  # lines of an error
MOST_NAMES = 3


@dataclass(frozen=True)
class Refusal:
    """One operator that cannot be compiled. supported: what could be; "" where the operator is not supported at all."""

    operator: Operator
    layer: str  # its C name
    found: str
    supported: str

    def __str__(self) -> str:
        """Return the message about this operator alone."""
        what = f"operator {self.operator.number} ({self.operator.kind}, {self.layer})"
        return f"{what}: {self.text}"

    @property
    def text(self) -> str:
        """What was found, and what is supported."""
        return f"{self.found}; supported: {self.supported}" if self.supported else self.found


class RefusedOperatorError(ModelError):
    """The refusal of one operator, which `lower` collects."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


def refused(graph: Graph, refusals: list[Refusal]) -> ModelError:
    """Return the error about all operators of a graph that are refused: a line per reason, the number of operators."""
    purposes = [purpose(graph, one.operator, one.found) for one in refusals]
    groups: dict[tuple[str, str], list[Refusal]] = {}
    for one, said in zip(refusals, purposes, strict=True):
        # A custom operator's kind is its name; what is made for another type of numbers consists of many kinds.
        key = (said, "") if said else (one.operator.kind, one.supported)
        groups.setdefault(key, []).append(one)
    lines = [_line(group, key[0] if key[0] in purposes else None) for key, group in groups.items()]
    again = CONVERT_AGAIN if {FLOAT32, FLOAT16, DYNAMIC_RANGE, UINT8, NARROW} & set(purposes) else ()
    if len(lines) == 1:
        return ModelError(lines[0], again)
    if len(lines) > MOST_REASONS:
        lines = [*lines[:MOST_REASONS], f"and {len(lines) - MOST_REASONS} more"]
    return ModelError(f"{len(refusals)} operators cannot be compiled, for {len(groups)} reasons:", (*lines, *again))


def _line(group: list[Refusal], said: str | None) -> str:
    """Return what is said about operators that are refused for one reason."""
    first, count = group[0], len(group)
    if said is None and count == 1:
        return str(first)
    kinds = Counter(one.operator.kind for one in group)
    if len(kinds) > 1:
        what = ", ".join(f"{number} × {kind}" for kind, number in kinds.most_common(MOST_REASONS))
    else:
        names = ", ".join(one.layer for one in group[:MOST_NAMES]) + ", …" * (count > MOST_NAMES)
        what = f"{count} × {first.operator.kind} ({names})"
    if said is not None:
        return f"{what}: {said}"
    return f"{what}: {'first of them: ' if len({one.found for one in group}) > 1 else ''}{first.text}"
