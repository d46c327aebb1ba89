"""Plan the arena: the memory of all tensors that live only within a step, and of the kernels' scratch.

Two buffers that are live at the same time need different bytes, with one exception: the output of a call may overlap
an input that is read for the last time there, in the way that `Call.overlap` allows. The kernel then never overwrites
what it still has to read. Buffers are placed one after the other at the lowest address that fits; several orders are
tried and the smallest plan is taken.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from stapes.convert.lower.operations import Call, Overlap
from stapes.convert.plan.coalesce import Placement

ALIGN = 4  # bytes: kernels use scratch as int32, and memory for a state or a tensor is in whole words


@dataclass(frozen=True)
class Buffer:
    """A root tensor, or the scratch of a call (root None). It lives from operation `first` to `last`, inclusive."""

    root: int | None
    name: str
    size: int  # bytes
    first: int
    last: int


@dataclass(frozen=True)
class Plan:
    """Where each buffer lies in the arena, and the bytes of the arena."""

    buffers: tuple[Buffer, ...]
    offsets: tuple[int, ...]
    size: int

    def offset_of(self, root: int) -> int | None:
        """Return where a root tensor lies; None when it is not in the arena."""
        return next((o for buffer, o in zip(self.buffers, self.offsets, strict=True) if buffer.root == root), None)

    def scratch_of(self, operation: int) -> int | None:
        """Return where the scratch of an operation lies; None when it has none."""
        pairs = zip(self.buffers, self.offsets, strict=True)
        return next((o for buffer, o in pairs if buffer.root is None and buffer.first == operation), None)


def plan_memory(placement: Placement) -> Plan:
    """Place the scratch of every call, and every root that is neither a constant, an input, a state nor an output."""
    buffers = _buffers(placement)
    rules = _rules(placement, buffers)
    interference = [
        [j for j, other in enumerate(buffers) if j != i and buffer.first <= other.last and other.first <= buffer.last]
        for i, buffer in enumerate(buffers)
    ]
    orders = (
        sorted(range(len(buffers)), key=lambda i: (-buffers[i].last, -buffers[i].size)),
        sorted(range(len(buffers)), key=lambda i: (-buffers[i].size, -buffers[i].last)),
        sorted(range(len(buffers)), key=lambda i: (buffers[i].first, -buffers[i].size)),
        sorted(range(len(buffers)), key=lambda i: (buffers[i].root is None, -buffers[i].last, -buffers[i].size)),
    )
    best = min(
        (_place(buffers, order, interference, rules) for order in orders), key=lambda offsets: _height(buffers, offsets)
    )
    return Plan(tuple(buffers), tuple(best), _height(buffers, best))


def _height(buffers: list[Buffer], offsets: list[int]) -> int:
    return max((aligned(offset + buffer.size) for buffer, offset in zip(buffers, offsets, strict=True)), default=0)


def aligned(size: int) -> int:
    """Return a size or an offset in bytes, rounded up to a multiple of ALIGN."""
    return -(-size // ALIGN) * ALIGN


def _buffers(placement: Placement) -> list[Buffer]:
    tensors = placement.graph.tensors
    elsewhere = set(placement.graph.inputs) | set(placement.state_of) | set(placement.output_of)
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    buffers = []
    for index, operation in enumerate(placement.operations):
        for tensor in (operation.writes, *operation.reads):
            root = placement.location(tensor).root
            if root not in elsewhere and tensors[root].data is None:
                first.setdefault(root, index)
                last[root] = index
        if isinstance(operation, Call) and operation.scratch:
            buffers.append(Buffer(None, f"{operation.name} scratch", operation.scratch, index, index))
    return buffers + [
        Buffer(root, placement.operations[first[root]].name, tensors[root].nbytes, first[root], last[root])
        for root in first
    ]


@dataclass(frozen=True)
class _Rule:
    """How an output may overlap the buffer of an input, which begins `offset` bytes into that buffer."""

    overlap: Overlap
    offset: int

    def holds(self, output: int, given: int) -> bool:
        before = given + self.offset - output
        return before >= self.overlap.gap and before % self.overlap.stride == 0

    def distances(self) -> list[int]:
        """Return the smallest allowed distances from an output up to its input; one of them is a multiple of ALIGN."""
        stride = self.overlap.stride
        nearest = -(-self.overlap.gap // stride) * stride
        return [nearest + stride * i - self.offset for i in range(ALIGN)]


_Rules = dict[tuple[int, int], list[_Rule]]  # (output buffer, input buffer)


def _rules(placement: Placement, buffers: list[Buffer]) -> _Rules:
    """Return which outputs may overlap which inputs that are read for the last time; all rules of a pair must hold."""
    number = {buffer.root: i for i, buffer in enumerate(buffers) if buffer.root is not None}
    rules: _Rules = {}
    apart: set[tuple[int, int]] = set()
    for index, operation in enumerate(placement.operations):
        out = placement.location(operation.writes)
        if not isinstance(operation, Call) or out.root not in number:
            continue
        target = number[out.root]
        if buffers[target].first != index or out.root != operation.writes:
            continue
        for tensor, overlap in zip(operation.inputs, operation.overlap, strict=True):
            given = placement.location(tensor)
            source = number.get(given.root, target)
            if overlap is None or source == target or buffers[source].last != index:
                apart.add((target, source))
            else:
                rules.setdefault((target, source), []).append(_Rule(overlap, given.offset))
    return {pair: found for pair, found in rules.items() if pair not in apart}


def _place(buffers: list[Buffer], order: list[int], interference: list[list[int]], rules: _Rules) -> list[int]:
    offsets = [-1] * len(buffers)
    for i in order:
        placed = [j for j in interference[i] if offsets[j] >= 0]
        near = [j for j in placed if (i, j) in rules or (j, i) in rules]
        starts, ends = _runs((offsets[j], offsets[j] + buffers[j].size) for j in set(placed) - set(near))
        candidates = {0} | {aligned(end) for end in ends} | {aligned(offsets[j] + buffers[j].size) for j in near}
        for j in near:
            candidates |= {offsets[j] + d for rule in rules.get((j, i), ()) for d in rule.distances()}
            candidates |= {offsets[j] - d for rule in rules.get((i, j), ()) for d in rule.distances()}
            candidates |= {(offsets[j] + rule.offset) % (ALIGN * rule.overlap.stride) for rule in rules.get((i, j), ())}
        offsets[i] = next(
            candidate
            for candidate in sorted(candidates)
            if candidate >= 0
            and candidate % ALIGN == 0
            and _is_free(starts, ends, candidate, candidate + buffers[i].size)
            and all(_fits(buffers, i, candidate, j, offsets[j], rules) for j in near)
        )
    return offsets


def _runs(spans: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Return the starts and the ends of the union of spans, ascending."""
    starts: list[int] = []
    ends: list[int] = []
    for start, end in sorted(spans):
        if ends and start <= ends[-1]:
            ends[-1] = max(ends[-1], end)
        else:
            starts.append(start)
            ends.append(end)
    return starts, ends


def _is_free(starts: list[int], ends: list[int], first: int, end: int) -> bool:
    following = bisect_right(ends, first)
    return following == len(starts) or starts[following] >= end


def _fits(buffers: list[Buffer], i: int, at: int, j: int, other: int, rules: _Rules) -> bool:
    if at + buffers[i].size <= other or other + buffers[j].size <= at:
        return True
    return _may_overlap(rules.get((i, j)), at, other) or _may_overlap(rules.get((j, i)), other, at)


def _may_overlap(rules: list[_Rule] | None, output: int, given: int) -> bool:
    """Whether a kernel may write its output at offset `output` while its input lies at offset `given`."""
    return rules is not None and all(rule.holds(output, given) for rule in rules)
