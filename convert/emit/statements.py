"""The statements of NAME_step: one line per layer, move or fill."""

import re
import textwrap

import numpy as np

from stapes.convert.emit.describe import shape_text
from stapes.convert.emit.lines import INDENT, float_literal, statement
from stapes.convert.emit.loaded import is_loaded, value_of
from stapes.convert.emit.module import Module, Names
from stapes.convert.lower.names import c_name
from stapes.convert.lower.operations import Call, Fill, Move, Operation, merge_axes, pad_axes
from stapes.convert.plan.constants import fill_key, tensor_key
from stapes.firmware_sim.tflite.graph import Tensor

MOVE_AXES = 5  # of stapes_nn_move_layer
Moves = dict[str, dict[str, str]]  # name of a stapes_nn_move_layer -> its members as C


def step_body(module: Module, names: Names) -> tuple[str, Moves]:
    """Return the statements of NAME_step, and the move layers that they need."""
    printer = _StepPrinter(module, names)
    lines = [printer.statement(index, operation) for index, operation in enumerate(module.placement.operations)]
    kinds = ("int8_t", "arena"), ("int16_t", "arena16")
    views = [
        f"    {kind} *const {name} = ({kind} *)self->arena;\n"
        for kind, name in kinds
        if any(re.search(rf"\b{name}\b", line) for line in lines)
    ]
    head = "".join([*views, "\n"]) if views else ""
    if not views and "self" not in "\n".join(lines):
        head = "    (void)self;\n"
    return head + "\n".join(lines), printer.moves


class _StepPrinter:
    """Prints operations as C; collects the move layers."""

    def __init__(self, module: Module, names: Names) -> None:
        self._module, self._names = module, names
        self.moves: Moves = {}

    def statement(self, index: int, operation: Operation) -> str:
        """Return the C of operation number `index`, indented."""
        if isinstance(operation, Fill):
            size = self._module.graph.tensors[operation.target].nbytes
            value = value_of(self._module, fill_key(index), operation.value)
            return statement(f"memset({self._pointer(operation.target)}, {value}, {size});", operation.name)
        return self._move(operation) if isinstance(operation, Move) else self._call(index, operation)

    def _call(self, index: int, call: Call) -> str:
        tensors = self._module.graph.tensors
        given = ", ".join(shape_text(tensors[number].shape) for number in call.inputs)
        pointers = {f"in{i}": self._typed_pointer(number) for i, number in enumerate(call.inputs)}
        form = call.form
        if self._module.loadable is not None:
            for constant in call.constants:
                place = self._module.loadable.arrays[call.name, constant.suffix]
                form = form.replace(f"{{name}}_{constant.suffix}", f"self->constants + {place}")
        line = form.format(
            name=call.name, out=self._typed_pointer(call.output), scratch=self._scratch(index), **pointers
        )
        text = statement(line, f"{given} -> {shape_text(tensors[call.output].shape)}")
        if not is_loaded(self._module, call):
            return text
        layer = f"const {call.struct} {call.name} = {self._names.layers[call.name]}(self->constants);"
        return f"{INDENT}{{\n{INDENT * 2}{layer}\n{textwrap.indent(text, INDENT)}\n{INDENT}}}"

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
        return "NULL" if offset is None else _plus("arena", offset)

    def _typed_pointer(self, tensor: int) -> str:
        """Return the C expression that points to a tensor, of its own type where that has two bytes."""
        if self._module.graph.tensors[tensor].dtype != "int16":
            return self._pointer(tensor)
        name, _, offset = self._place(tensor)
        return _plus("arena16" if name == "arena" else name, offset // 2)

    def _pointer(self, tensor: int, extra: int = 0) -> str:
        """Return the C expression that points `extra` bytes into a tensor, as bytes."""
        name, cast, offset = self._place(tensor)
        return _plus(cast + name, offset + extra)

    def _place(self, tensor: int) -> tuple[str, str, int]:
        """Return the C name of the memory of a tensor, the cast that makes int8_t of its elements, and the offset."""
        placement, graph, names = self._module.placement, self._module.graph, self._names
        root, offset = placement.location(tensor).root, placement.location(tensor).offset
        if root in placement.state_of:
            number = placement.state_of[root]
            return f"self->{names.states[number]}", _cast(graph.tensors[graph.states[number].current]), offset
        if root in placement.output_of:
            number = placement.output_of[root]
            return names.outputs[number], _cast(graph.tensors[graph.outputs[number]]), offset
        if root in graph.inputs:
            return names.inputs[graph.inputs.index(root)], _cast(graph.tensors[root], "const "), offset
        if graph.tensors[root].data is not None and self._module.loadable is not None:
            return "self->constants", "", self._module.loadable.arrays[tensor_key(root)] + offset
        if graph.tensors[root].data is not None:
            return names.tensor(graph, root), _cast(graph.tensors[root], "const "), offset
        base = self._module.plan.offset_of(root)
        assert base is not None
        return "arena", "", base + offset


def _plus(pointer: str, offset: int) -> str:
    return f"{pointer} + {offset}" if offset else pointer


def _cast(tensor: Tensor, const: str = "") -> str:
    return "" if tensor.dtype in ("int8", "float32") else f"({const}int8_t *)"


def initializer(value: int | np.float32 | tuple[int, ...]) -> str:
    """Return a number or an array of numbers as the C that initializes it."""
    if isinstance(value, np.float32):
        return float_literal(value)
    return f"{{{', '.join(map(str, value))}}}" if isinstance(value, tuple) else str(value)
