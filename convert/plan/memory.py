"""The memory plan: one arena for what lives only inside of a step; an output may grow over its dying input.

Two tensors of the arena need different bytes while both live. An output and an input that dies in the same call may
overlap as `Call.overlap` says: the kernel then never overwrites what it still has to read. Tensors are placed one after
the other at the lowest address that fits; several orders are tried and the smallest plan wins.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from stapes.convert.lower.steps import Call, Overlap
from stapes.convert.plan.coalesce import Homes, reads, writes

ALIGN = 4


@dataclass(frozen=True)
class Item:
    """Something to place: a root tensor, or the scratch of a step (`root` is None); both end steps are its own."""

    root: int | None
    name: str
    size: int
    first: int
    last: int


@dataclass(frozen=True)
class Plan:
    """Offsets of the items in the arena."""

    items: tuple[Item, ...]
    offsets: tuple[int, ...]
    size: int

    def offset_of(self, root: int) -> int | None:
        """Where a root tensor lies, None when it is not in the arena."""
        return next((o for item, o in zip(self.items, self.offsets, strict=True) if item.root == root), None)

    def scratch_of(self, step: int) -> int | None:
        """Where the scratch of a step lies."""
        pairs = zip(self.items, self.offsets, strict=True)
        return next((o for item, o in pairs if item.root is None and item.first == step), None)


def plan_memory(homes: Homes) -> Plan:
    """Place every root that is neither a constant, an input, a state nor an output, and every scratch."""
    items = _items(homes)
    rules = _rules(homes, items)
    rivals = [
        [j for j, other in enumerate(items) if j != i and item.first <= other.last and other.first <= item.last]
        for i, item in enumerate(items)
    ]
    orders = (
        sorted(range(len(items)), key=lambda i: (-items[i].last, -items[i].size)),
        sorted(range(len(items)), key=lambda i: (-items[i].size, -items[i].last)),
        sorted(range(len(items)), key=lambda i: (items[i].first, -items[i].size)),
        sorted(range(len(items)), key=lambda i: (items[i].root is None, -items[i].last, -items[i].size)),
    )
    best = min((_place(items, order, rivals, rules) for order in orders), key=lambda offsets: _height(items, offsets))
    return Plan(tuple(items), tuple(best), _height(items, best))


def _height(items: list[Item], offsets: list[int]) -> int:
    return max((_up(offset + item.size) for item, offset in zip(items, offsets, strict=True)), default=0)


def _up(x: int) -> int:
    return -(-x // ALIGN) * ALIGN


def _items(homes: Homes) -> list[Item]:
    tensors = homes.graph.tensors
    elsewhere = set(homes.graph.inputs) | set(homes.state_of) | set(homes.output_of)
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    items = []
    for index, step in enumerate(homes.steps):
        for tensor in (writes(step), *reads(step)):
            root = homes.spot(tensor).root
            if root not in elsewhere and tensors[root].data is None:
                first.setdefault(root, index)
                last[root] = index
        if isinstance(step, Call) and step.scratch:
            items.append(Item(None, f"{step.name} scratch", step.scratch, index, index))
    return items + [
        Item(root, homes.steps[first[root]].name, tensors[root].count, first[root], last[root]) for root in first
    ]


@dataclass(frozen=True)
class _Rule:
    """How an output may lie over the memory of an input; the kernel reads from `offset` bytes into that memory on."""

    overlap: Overlap
    offset: int

    def holds(self, output: int, given: int) -> bool:
        before = given + self.offset - output
        return before >= self.overlap.gap and before % self.overlap.stride == 0

    def distances(self) -> list[int]:
        """The nearest of the allowed distances from an output up to its input; one of them is a whole word."""
        stride = self.overlap.stride
        nearest = -(-self.overlap.gap // stride) * stride
        return [nearest + stride * i - self.offset for i in range(ALIGN)]


_Rules = dict[tuple[int, int], list[_Rule]]  # (output item, input item)


def _rules(homes: Homes, items: list[Item]) -> _Rules:
    """Which outputs may lie over which dying inputs, and how; all rules of a pair must hold."""
    number = {item.root: i for i, item in enumerate(items) if item.root is not None}
    rules: _Rules = {}
    apart: set[tuple[int, int]] = set()
    for index, step in enumerate(homes.steps):
        out = homes.spot(writes(step))
        if not isinstance(step, Call) or out.root not in number:
            continue
        target = number[out.root]
        if items[target].first != index or out.root != writes(step):
            continue
        for tensor, overlap in zip(step.inputs, step.overlap, strict=True):
            given = homes.spot(tensor)
            source = number.get(given.root, target)
            if overlap is None or source == target or items[source].last != index:
                apart.add((target, source))
            else:
                rules.setdefault((target, source), []).append(_Rule(overlap, given.offset))
    return {pair: found for pair, found in rules.items() if pair not in apart}


def _place(items: list[Item], order: list[int], rivals: list[list[int]], rules: _Rules) -> list[int]:
    offsets = [-1] * len(items)
    for i in order:
        placed = [j for j in rivals[i] if offsets[j] >= 0]
        near = [j for j in placed if (i, j) in rules or (j, i) in rules]
        starts, ends = _runs((offsets[j], offsets[j] + items[j].size) for j in set(placed) - set(near))
        candidates = {0} | {_up(end) for end in ends} | {_up(offsets[j] + items[j].size) for j in near}
        for j in near:
            candidates |= {offsets[j] + d for rule in rules.get((j, i), ()) for d in rule.distances()}
            candidates |= {offsets[j] - d for rule in rules.get((i, j), ()) for d in rule.distances()}
            candidates |= {(offsets[j] + rule.offset) % (ALIGN * rule.overlap.stride) for rule in rules.get((i, j), ())}
        offsets[i] = next(
            candidate
            for candidate in sorted(candidates)
            if candidate >= 0
            and candidate % ALIGN == 0
            and _is_free(starts, ends, candidate, candidate + items[i].size)
            and all(_fits(items, i, candidate, j, offsets[j], rules) for j in near)
        )
    return offsets


def _runs(spans: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Starts and ends of what the spans cover together, ascending."""
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


def _fits(items: list[Item], i: int, at: int, j: int, other: int, rules: _Rules) -> bool:
    if at + items[i].size <= other or other + items[j].size <= at:
        return True
    return _may_overlap(rules.get((i, j)), at, other) or _may_overlap(rules.get((j, i)), other, at)


def _may_overlap(rules: list[_Rule] | None, output: int, given: int) -> bool:
    """Whether a kernel may write from `output` on over the memory at `given`."""
    return rules is not None and all(rule.holds(output, given) for rule in rules)
