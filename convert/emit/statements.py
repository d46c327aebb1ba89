"""The statements of NAME_step: one line per layer, move or fill."""

import numpy as np

from stapes.convert.emit.describe import shape_text
from stapes.convert.emit.lines import float_literal, statement
from stapes.convert.emit.module import Module, Names
from stapes.convert.lower.names import c_name
from stapes.convert.lower.operations import Call, Fill, Move, Operation, merge_axes, pad_axes
from stapes.firmware_sim.tflite.graph import Tensor

MOVE_AXES = 5  # of stapes_nn_move_layer
Moves = dict[str, dict[str, str]]  # name of a stapes_nn_move_layer -> its members as C


def step_body(module: Module, names: Names) -> tuple[str, Moves]:
    """Return the statements of NAME_step, and the move layers that they need."""
    printer = _StepPrinter(module, names)
    lines = [printer.statement(index, operation) for index, operation in enumerate(module.placement.operations)]
    head = "    int8_t *const arena = (int8_t *)self->arena;\n\n" if printer.uses_arena else ""
    if not printer.uses_arena and "self" not in "\n".join(lines):
        head = "    (void)self;\n"
    return head + "\n".join(lines), printer.moves


class _StepPrinter:
    """Prints operations as C; collects the move layers, and whether the arena is used."""

    def __init__(self, module: Module, names: Names) -> None:
        self._module, self._names = module, names
        self.uses_arena = False
        self.moves: Moves = {}

    def statement(self, index: int, operation: Operation) -> str:
        """Return the C of operation number `index`, indented."""
        if isinstance(operation, Fill):
            count = self._module.graph.tensors[operation.target].count
            call = f"memset({self._pointer(operation.target)}, {operation.value}, {count});"
            return statement(call, operation.name)
        return self._move(operation) if isinstance(operation, Move) else self._call(index, operation)

    def _call(self, index: int, call: Call) -> str:
        tensors = self._module.graph.tensors
        given = ", ".join(shape_text(tensors[number].shape) for number in call.inputs)
        pointers = {f"in{i}": self._pointer(number) for i, number in enumerate(call.inputs)}
        line = call.form.format(
            name=call.name, out=self._pointer(call.output), scratch=self._scratch(index), **pointers
        )
        return statement(line, f"{given} -> {shape_text(tensors[call.output].shape)}")

    def _move(self, move: Move) -> str:
        """Return one memcpy or memmove where both blocks are contiguous, otherwise calls of stapes_nn_move."""
        shape, (from_strides, to_strides) = merge_axes(move.shape, move.source.strides, move.target.strides)
        comment = c_name(move.name)
        if from_strides == to_strides == (1,):
            location = self._module.placement.location
            same = location(move.source.tensor).root == location(move.target.tensor).root
            copy = "memmove" if same else "memcpy"
            return statement(f"{copy}({self._target(move)}, {self._source(move)}, {move.count});", comment)
        run, starts = 1, [(0, 0)]
        if from_strides[-1] == to_strides[-1] == 1:
            run, shape, from_strides, to_strides = shape[-1], shape[:-1], from_strides[:-1], to_strides[:-1]
        if len(shape) > MOVE_AXES:  # one call per index of the outermost axis
            starts = [(i * from_strides[0], i * to_strides[0]) for i in range(shape[0])]
            shape, from_strides, to_strides = shape[1:], from_strides[1:], to_strides[1:]
        name = self._names.make(f"{move.name}_move", "move")
        self.moves[name] = {
            "shape": initializer(pad_axes(shape, MOVE_AXES, 1)),
            "in_stride": initializer(pad_axes(from_strides, MOVE_AXES, 0)),
            "out_stride": initializer(pad_axes(to_strides, MOVE_AXES, 0)),
            "run": str(run),
        }
        calls = [
            f"stapes_nn_move(&{name}, {self._source(move, from_start)}, {self._target(move, to_start)});"
            for from_start, to_start in starts
        ]
        return "\n".join(statement(call, comment) for call in calls)

    def _source(self, move: Move, start: int = 0) -> str:
        return self._pointer(move.source.tensor, move.source.offset + start)

    def _target(self, move: Move, start: int = 0) -> str:
        return self._pointer(move.target.tensor, move.target.offset + start)

    def _scratch(self, index: int) -> str:
        offset = self._module.plan.scratch_of(index)
        return "NULL" if offset is None else self._in_arena(offset)

    def _pointer(self, tensor: int, extra: int = 0) -> str:
        """Return the C expression that points `extra` bytes into a tensor."""
        placement, graph, names = self._module.placement, self._module.graph, self._names
        location = placement.location(tensor)
        root, offset = location.root, location.offset + extra
        if root in placement.state_of:
            return _plus(f"self->{names.states[placement.state_of[root]]}", offset)
        if root in placement.output_of:
            number = placement.output_of[root]
            return _plus(_as_int8(graph.tensors[graph.outputs[number]], names.outputs[number]), offset)
        if root in graph.inputs:
            return _plus(_as_int8(graph.tensors[root], names.inputs[graph.inputs.index(root)], "const "), offset)
        if graph.tensors[root].data is not None:
            return _plus(names.tensor(graph, root), offset)
        base = self._module.plan.offset_of(root)
        assert base is not None
        return self._in_arena(base + offset)

    def _in_arena(self, offset: int) -> str:
        self.uses_arena = True
        return _plus("arena", offset)


def _plus(pointer: str, offset: int) -> str:
    return f"{pointer} + {offset}" if offset else pointer


def _as_int8(tensor: Tensor, name: str, const: str = "") -> str:
    return name if tensor.dtype in ("int8", "float32") else f"({const}int8_t *){name}"


def initializer(value: int | np.float32 | tuple[int, ...]) -> str:
    """Return a number or an array of numbers as the C that initializes it."""
    if isinstance(value, np.float32):
        return float_literal(value)
    return f"{{{', '.join(map(str, value))}}}" if isinstance(value, tuple) else str(value)
