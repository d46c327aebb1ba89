"""Where tensors live: most moves vanish when a tensor is made a part of another one's memory from the start.

view        the whole target is one run of the source (RESHAPE, a slice of whole rows)    target := part of source
building    the whole source is one run of the target (CONCATENATION of whole rows)       source := part of target
history     state | new -> joined -> state (a streaming convolution): the joined tensor is the state, longer by the new
            part; at the end of a step it is moved down within itself
in place    a state's next value is formed where the state lies, once nothing reads the old one any more
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from stapes.convert.lower.steps import Block, Call, Move, Overlap, Step, merge_axes
from stapes.convert.read.graph import Graph, State


@dataclass(frozen=True)
class Spot:
    """Where a tensor lies: `offset` bytes into the memory of tensor `root`."""

    root: int
    offset: int


@dataclass(frozen=True)
class Homes:
    """The steps that remain, where tensors lie, and the roots whose memory is a state's or the caller's. Other roots
    are the arena's.
    """

    graph: Graph
    steps: tuple[Step, ...]
    spots: dict[int, Spot]
    state_of: dict[int, int]  # root -> number of the state
    output_of: dict[int, int]  # root -> number of the output

    def spot(self, tensor: int) -> Spot:
        """Where a tensor lies."""
        return self.spots.get(tensor, Spot(tensor, 0))


def reads(step: Step) -> tuple[int, ...]:
    """Tensors that a step reads."""
    return step.inputs if isinstance(step, Call) else (step.source.tensor,) if isinstance(step, Move) else ()


def writes(step: Step) -> int:
    """Tensor that a step writes, in whole or in part."""
    return step.output if isinstance(step, Call) else step.target.tensor if isinstance(step, Move) else step.target


def settle(graph: Graph, steps: Sequence[Step]) -> Homes:
    """Remove the moves that can be removed; add those that bring states and outputs home at the end of a step."""
    work = _Settling(graph, list(steps))
    work.drop_moves(work.view)
    work.drop_moves(work.build)
    for number, state in enumerate(graph.states):
        work.claim(number, state)
    endings = [
        ending for number, state in enumerate(graph.states) if (ending := work.ending(number, state)) is not None
    ]
    copies = [
        copy for number, output in enumerate(graph.outputs) if (copy := work.bring_out(number, output)) is not None
    ]
    final = work.steps + copies + work.in_safe_order(endings)
    return Homes(work.graph, tuple(final), {t: work.find(t) for t in work.parents}, work.state_of, work.output_of)


class _Settling:
    def __init__(self, graph: Graph, steps: list[Step]) -> None:
        self.graph, self.steps = graph, steps
        self.parents: dict[int, Spot] = {}
        self.state_of: dict[int, int] = {}
        self.output_of: dict[int, int] = {}
        constants = {number for number, tensor in enumerate(graph.tensors) if tensor.data is not None}
        self.fixed = constants | set(graph.inputs) | {state.current for state in graph.states}

    def find(self, tensor: int) -> Spot:
        offset = 0
        while tensor in self.parents:
            offset += self.parents[tensor].offset
            tensor = self.parents[tensor].root
        return Spot(tensor, offset)

    def size(self, tensor: int) -> int:
        return self.graph.tensors[tensor].count

    def drop_moves(self, removable: Callable[[Move], bool]) -> None:
        self.steps = [
            step for step in self.steps if not (isinstance(step, Move) and not step.pinned and removable(step))
        ]

    def view(self, move: Move) -> bool:
        if move.count != self.size(move.target.tensor) or not (
            _is_run(move, move.source) and _is_run(move, move.target)
        ):
            return False
        self.parents[move.target.tensor] = Spot(move.source.tensor, move.source.offset)
        return True

    def build(self, move: Move) -> bool:
        if not (_is_run(move, move.source) and _is_run(move, move.target)):
            return False
        root = self.find(move.source.tensor).root
        whole = self.size(root) == move.count == self.size(move.source.tensor)
        if not whole or root in self.fixed or self.find(move.target.tensor).root == root:
            return False
        self.parents[root] = Spot(move.target.tensor, move.target.offset)
        return True

    def claim(self, number: int, state: State) -> None:
        """Decide which root's memory the state is."""
        root = self._history(state)
        if root is None:
            root = self._in_place(state)
        if root is None:
            self.state_of[state.current] = number
        else:
            self.parents[state.current] = Spot(root, 0)
            self.state_of[root] = number
            self.fixed.add(root)

    def _history(self, state: State) -> int | None:
        following = self.find(state.next)
        root = following.root
        if root in self.fixed or self.size(root) > 2 * self.size(state.current):
            return None
        for step in self.steps:
            if (
                isinstance(step, Move)
                and not step.pinned
                and self.find(step.source.tensor) == Spot(state.current, 0)
                and step.count == self.size(state.current)
                and self.find(step.target.tensor) == Spot(root, 0)
                and step.target.offset == 0
                and _is_run(step, step.source)
                and _is_run(step, step.target)
            ):
                self.steps.remove(step)
                return root
        return None

    def _in_place(self, state: State) -> int | None:
        root = self.find(state.next).root
        if root in self.fixed or self.find(state.next).offset or self.size(root) != self.size(state.current):
            return None
        kept = [other.next for other in self.graph.states] + list(self.graph.outputs)
        if any(self.find(tensor).root == state.current for tensor in kept):
            return None
        first = min(i for i, step in enumerate(self.steps) if self.find(writes(step)).root == root)
        for index, step in enumerate(self.steps):
            for position, tensor in enumerate(reads(step)):
                if self.find(tensor).root != state.current or index < first:
                    continue
                aligned = index == first and isinstance(step, Call) and _in_place(step.overlap[position])
                if not (aligned and self.find(tensor).offset == 0 and self.find(writes(step)) == Spot(root, 0)):
                    return None
        return root

    def ending(self, number: int, state: State) -> Move | None:
        """Return the move of the next value to the state's memory; None when it is there already."""
        root = next(root for root, owner in self.state_of.items() if owner == number)
        if self.find(state.next) == Spot(root, 0):
            return None
        count = self.size(state.current)
        return Move(state.name, (count,), Block(state.next, 0, (1,)), Block(root, 0, (1,)))

    def bring_out(self, number: int, output: int) -> Move | None:
        """Let the output's memory be the caller's, or return the copy into it."""
        spot = self.find(output)
        taken = self.fixed | set(self.output_of) | set(self.state_of)
        if spot.root not in taken and self.size(spot.root) == self.size(output):
            self.output_of[spot.root] = number
            return None
        self.graph, copy = self.graph.with_tensor(replace(self.graph.tensors[output], data=None))
        self.output_of[copy] = number
        count = self.size(output)
        return Move(self.graph.output_names[number], (count,), Block(output, 0, (1,)), Block(copy, 0, (1,)))

    def in_safe_order(self, endings: list[Move]) -> list[Step]:
        """Order the final moves so that none overwrites what a later one reads; states that exchange their values do so
        by way of the arena.
        """
        ordered: list[Step] = []
        waiting = list(endings)
        while waiting:
            free = next((move for move in waiting if not self._read_later(move, waiting)), None)
            if free is None:
                aside = waiting.pop(0)
                self.graph, copy = self.graph.with_tensor(replace(self.graph.tensors[aside.source.tensor], data=None))
                block = Block(copy, 0, (1,))
                ordered.append(replace(aside, target=block))
                waiting.append(replace(aside, source=block))
            else:
                ordered.append(free)
                waiting.remove(free)
        return ordered

    def _read_later(self, move: Move, waiting: list[Move]) -> bool:
        target = self.find(move.target.tensor).root
        return any(self.find(other.source.tensor).root == target for other in waiting if other is not move)


def _in_place(overlap: Overlap | None) -> bool:
    return overlap is not None and overlap.gap <= 0


def _is_run(move: Move, block: Block) -> bool:
    """Whether a box is one run of bytes."""
    _, [steps] = merge_axes(move.shape, block.steps)
    return steps == (1,)
