"""Decide which tensors share memory, so that most moves vanish: a tensor becomes a part of another one.

Four ways to save a copy:

view      The whole target is one run of the source (RESHAPE, a slice of whole rows): the target is a part of the
          source.
build     The whole source is one run of the target (CONCATENATION of whole rows): the source is formed inside of the
          target.
history   A streaming convolution joins its state and the new frames, and the end of the joined tensor is the next
          state: the joined tensor is the state's memory, longer by the new frames. At the end of a step its content is
          moved down within itself.
in place  A state's next value is formed in the memory of the state, once nothing reads the old value any more.

"Root" is the tensor that owns the memory in which others lie.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from stapes.convert.lower.operations import Block, Call, Move, Operation, Overlap, copy, merge_axes
from stapes.firmware_sim.tflite.graph import Graph, State


@dataclass(frozen=True)
class Location:
    """Where a tensor lies: `offset` bytes into the memory of tensor `root`."""

    root: int
    offset: int


@dataclass(frozen=True)
class Placement:
    """The remaining operations, the location of every tensor, and the roots whose memory is a state's or the caller's.

    All other roots that are neither constants nor inputs lie in the arena.
    """

    graph: Graph
    operations: tuple[Operation, ...]
    locations: dict[int, Location]
    state_of: dict[int, int]  # root -> number of the state
    output_of: dict[int, int]  # root -> number of the output

    def location(self, tensor: int) -> Location:
        """Return where a tensor lies."""
        return self.locations.get(tensor, Location(tensor, 0))


def coalesce(graph: Graph, operations: Sequence[Operation]) -> Placement:
    """Remove the moves that sharing memory makes superfluous, and add those that end a step.

    What is added brings outputs to the caller, and states into the memory where the next step reads them: as soon as
    nothing reads the old value any more, so that the tensor of which a new value is a part needs no memory for longer.
    """
    work = _Coalescing(graph, list(operations))
    work.remove_moves(work.make_view)
    work.remove_moves(work.build_in_target)
    for number, state in enumerate(graph.states):
        work.choose_memory_of_state(number, state)
    write_backs = [work.write_back(number, state) for number, state in enumerate(graph.states)]
    copies = [work.copy_out(number, output) for number, output in enumerate(graph.outputs)]
    ending = work.in_safe_order([move for move in write_backs if move is not None])
    work.operations += [move for move in copies if move is not None]
    for move in ending:
        work.write_back_early(move, ending)
    locations = {tensor: work.find(tensor) for tensor in work.parents}
    return Placement(work.graph, tuple(work.operations), locations, work.state_of, work.output_of)


class _Coalescing:
    """The union of tensors into roots, as it grows; `parents` is a forest in which a root has no entry."""

    def __init__(self, graph: Graph, operations: list[Operation]) -> None:
        self.graph, self.operations = graph, operations
        self.parents: dict[int, Location] = {}
        self.state_of: dict[int, int] = {}
        self.output_of: dict[int, int] = {}
        constants = {number for number, tensor in enumerate(graph.tensors) if tensor.data is not None}
        self.fixed = constants | set(graph.inputs) | {state.current for state in graph.states}

    def find(self, tensor: int) -> Location:
        """Return the root of a tensor, and the tensor's offset in it."""
        offset = 0
        while tensor in self.parents:
            offset += self.parents[tensor].offset
            tensor = self.parents[tensor].root
        return Location(tensor, offset)

    def size(self, tensor: int) -> int:
        """Return a tensor's bytes."""
        return self.graph.tensors[tensor].nbytes

    def remove_moves(self, removable: Callable[[Move], bool]) -> None:
        """Remove the moves that `removable` makes superfluous by sharing memory."""
        self.operations = [
            operation
            for operation in self.operations
            if not (isinstance(operation, Move) and not operation.pinned and removable(operation))
        ]

    def make_view(self, move: Move) -> bool:
        """Make the target a part of the source, where the whole of it is one run there."""
        whole = move.count == self.size(move.target.tensor)
        if not whole or not _is_contiguous(move):
            return False
        self.parents[move.target.tensor] = Location(move.source.tensor, move.source.offset)
        return True

    def build_in_target(self, move: Move) -> bool:
        """Make the source a part of the target, where the whole of it becomes one run there."""
        if not _is_contiguous(move):
            return False
        root = self.find(move.source.tensor).root
        whole = self.size(root) == move.count == self.size(move.source.tensor)
        if not whole or root in self.fixed or self.find(move.target.tensor).root == root:
            return False
        self.parents[root] = Location(move.target.tensor, move.target.offset)
        return True

    def choose_memory_of_state(self, number: int, state: State) -> None:
        """Decide which root's memory the state is: that of its history, of its next value, or its own."""
        root = self._history(state)
        if root is None:
            root = self._formed_in_place(state)
        if root is None:
            self.state_of[state.current] = number
        else:
            self.parents[state.current] = Location(root, 0)
            self.state_of[root] = number
            self.fixed.add(root)

    def _history(self, state: State) -> int | None:
        """Return the root that begins with a copy of the state and holds its next value; that copy is removed.

        None where there is no such root, or it is more than twice as long as the state.
        """
        root = self.find(state.next).root
        if root in self.fixed or self.size(root) > 2 * self.size(state.current):
            return None
        for operation in self.operations:
            if (
                isinstance(operation, Move)
                and not operation.pinned
                and self.find(operation.source.tensor) == Location(state.current, 0)
                and operation.count == self.size(state.current)
                and self.find(operation.target.tensor) == Location(root, 0)
                and operation.target.offset == 0
                and _is_contiguous(operation)
            ):
                self.operations.remove(operation)
                return root
        return None

    def _formed_in_place(self, state: State) -> int | None:
        """Return the root of the next value, where it may be formed in the state's memory; None otherwise.

        It may when no operation reads the old value from the first write on, except one that works in place.
        """
        following = self.find(state.next)
        root = following.root
        if root in self.fixed or following.offset or self.size(root) != self.size(state.current):
            return None
        kept = [other.next for other in self.graph.states] + list(self.graph.outputs)
        if any(self.find(tensor).root == state.current for tensor in kept):
            return None
        first = min(i for i, operation in enumerate(self.operations) if self.find(operation.writes).root == root)
        for index, operation in enumerate(self.operations[first:], first):
            for position, tensor in enumerate(operation.reads):
                if self.find(tensor).root != state.current:
                    continue
                in_place = index == first and isinstance(operation, Call) and _is_in_place(operation.overlap[position])
                whole = self.find(tensor).offset == 0 and self.find(operation.writes) == Location(root, 0)
                if not (in_place and whole):
                    return None
        return root

    def write_back(self, number: int, state: State) -> Move | None:
        """Return the move of the next value to the state's memory; None when it is there already."""
        root = next(root for root, owner in self.state_of.items() if owner == number)
        if self.find(state.next) == Location(root, 0):
            return None
        return copy(state.name, state.next, root, self.size(state.current))

    def write_back_early(self, move: Move, ending: Sequence[Move]) -> None:
        """Insert the move of a state's next value behind what forms this value and what reads the old one.

        ending: all these moves, in an order that is safe at the end of a step. One of a value that lies in a state's
        memory, or whose target another one reads, stays there.
        """
        source, target = (self.find(block.tensor).root for block in (move.source, move.target))
        others = [other for other in ending if other is not move]
        if source in self.state_of or any(self.find(other.source.tensor).root == target for other in others):
            self.operations.append(move)
            return
        uses = [
            index
            for index, operation in enumerate(self.operations)
            if self.find(operation.writes).root == source
            or any(self.find(tensor).root == target for tensor in operation.reads)
        ]
        self.operations.insert(max(uses, default=-1) + 1, move)

    def copy_out(self, number: int, output: int) -> Move | None:
        """Form an output in the caller's memory and return None; return the copy to it where that is not possible."""
        root = self.find(output).root
        taken = self.fixed | set(self.output_of) | set(self.state_of)
        if root not in taken and self.size(root) == self.size(output):
            self.output_of[root] = number
            return None
        target = self._add_tensor_like(output)
        self.output_of[target] = number
        return copy(self.graph.output_names[number], output, target, self.size(output))

    def in_safe_order(self, moves: list[Move]) -> list[Move]:
        """Order moves so that none overwrites what a later one reads.

        States that exchange their values form a circle; the first of them is copied aside, into the arena.
        """
        ordered: list[Move] = []
        waiting = list(moves)
        while waiting:
            free = next((move for move in waiting if not self._overwrites_source(move, waiting)), None)
            if free is None:
                aside = waiting.pop(0)
                block = Block(self._add_tensor_like(aside.source.tensor), 0, (1,))
                ordered.append(replace(aside, target=block))
                waiting.append(replace(aside, source=block))
            else:
                ordered.append(free)
                waiting.remove(free)
        return ordered

    def _overwrites_source(self, move: Move, waiting: list[Move]) -> bool:
        target = self.find(move.target.tensor).root
        return any(self.find(other.source.tensor).root == target for other in waiting if other is not move)

    def _add_tensor_like(self, tensor: int) -> int:
        self.graph, number = self.graph.with_tensor(replace(self.graph.tensors[tensor], data=None))
        return number


def _is_in_place(overlap: Overlap | None) -> bool:
    return overlap is not None and overlap.gap <= 0


def _is_contiguous(move: Move) -> bool:
    """Whether a move copies one run of bytes to one run of bytes."""
    return all(merge_axes(move.shape, block.strides)[1] == [(1,)] for block in (move.source, move.target))
