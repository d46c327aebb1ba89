"""The statements of NAME_step: one line per layer, move or fill."""

from stapes.convert.emit.describe import shape_text
from stapes.convert.emit.lines import statement
from stapes.convert.emit.module import Module, Names
from stapes.convert.lower.names import c_name
from stapes.convert.lower.operations import Fill, Move, Operation, merge_axes, pad_axes
from stapes.convert.plan.coalesce import Location
from stapes.convert.read.graph import Tensor

MOVE_AXES = 5  # of stapes_nn_move_layer
Moves = dict[str, dict[str, str]]  # name of a stapes_nn_move_layer -> its members as C


class _Pointers:
    """C expressions for where tensors lie."""

    def __init__(self, module: Module, names: Names) -> None:
        self._module, self._names = module, names
        self.uses_arena = False

    def tensor(self, number: int, extra: int = 0) -> str:
        location = self._module.placement.location(number)
        return self._at(Location(location.root, location.offset + extra))

    def scratch(self, operation: int) -> str:
        offset = self._module.plan.scratch_of(operation)
        if offset is None:
            return "NULL"
        self.uses_arena = True
        return _plus("arena", offset)

    def _at(self, location: Location) -> str:
        placement, graph, names = self._module.placement, self._module.graph, self._names
        if location.root in placement.state_of:
            return _plus(f"self->{names.states[placement.state_of[location.root]]}", location.offset)
        if location.root in placement.output_of:
            number = placement.output_of[location.root]
            return _plus(_as_int8(graph.tensors[graph.outputs[number]], names.outputs[number]), location.offset)
        if location.root in graph.inputs:
            number = graph.inputs.index(location.root)
            return _plus(_as_int8(graph.tensors[location.root], names.inputs[number], "const "), location.offset)
        if graph.tensors[location.root].data is not None:
            return _plus(names.tensor(graph, location.root), location.offset)
        base = self._module.plan.offset_of(location.root)
        assert base is not None
        self.uses_arena = True
        return _plus("arena", base + location.offset)


def _plus(pointer: str, offset: int) -> str:
    return f"{pointer} + {offset}" if offset else pointer


def _as_int8(tensor: Tensor, name: str, const: str = "") -> str:
    return name if tensor.dtype == "int8" else f"({const}int8_t *){name}"


def step_body(module: Module, names: Names) -> tuple[str, Moves]:
    """Return the statements of NAME_step, and the move layers that they need."""
    pointers = _Pointers(module, names)
    lines: list[str] = []
    moves: Moves = {}
    for index, operation in enumerate(module.placement.operations):
        lines.append(_statement(module, names, pointers, index, operation, moves))
    head = "    int8_t *const arena = (int8_t *)self->arena;\n\n" if pointers.uses_arena else ""
    if "self" not in "\n".join(lines) and not pointers.uses_arena:
        head = "    (void)self;\n"
    return head + "\n".join(lines), moves


def _statement(
    module: Module, names: Names, pointers: _Pointers, index: int, operation: Operation, moves: Moves
) -> str:
    if isinstance(operation, Fill):
        count = module.graph.tensors[operation.target].count
        return statement(f"memset({pointers.tensor(operation.target)}, {operation.value}, {count});", operation.name)
    if isinstance(operation, Move):
        return _move(module, names, pointers, operation, moves)
    places = {f"in{i}": pointers.tensor(number) for i, number in enumerate(operation.inputs)}
    tensors = module.graph.tensors
    given = ", ".join(shape_text(tensors[number].shape) for number in operation.inputs)
    shapes = f"{given} -> {shape_text(tensors[operation.output].shape)}"
    line = operation.form.format(
        name=operation.name, out=pointers.tensor(operation.output), scratch=pointers.scratch(index), **places
    )
    return statement(line, shapes)


def _move(module: Module, names: Names, pointers: _Pointers, operation: Move, moves: Moves) -> str:
    shape, (from_strides, to_strides) = merge_axes(operation.shape, operation.source.strides, operation.target.strides)

    def places(from_extra: int = 0, to_extra: int = 0) -> tuple[str, str]:
        source, target = operation.source, operation.target
        return (
            pointers.tensor(source.tensor, source.offset + from_extra),
            pointers.tensor(target.tensor, target.offset + to_extra),
        )

    if from_strides == to_strides == (1,):
        same = (
            module.placement.location(operation.source.tensor).root
            == module.placement.location(operation.target.tensor).root
        )
        given, made = places()
        return statement(
            f"{'memmove' if same else 'memcpy'}({made}, {given}, {operation.count});", c_name(operation.name)
        )
    run, starts = 1, [(0, 0)]
    if from_strides[-1] == to_strides[-1] == 1:
        run, shape, from_strides, to_strides = shape[-1], shape[:-1], from_strides[:-1], to_strides[:-1]
    if len(shape) > MOVE_AXES:  # a call per index of the outermost axis
        starts = [(i * from_strides[0], i * to_strides[0]) for i in range(shape[0])]
        shape, from_strides, to_strides = shape[1:], from_strides[1:], to_strides[1:]
    name = names.make(f"{operation.name}_move", "move")
    fields = {"shape": pad_axes(shape, MOVE_AXES, 1), "in_stride": pad_axes(from_strides, MOVE_AXES, 0)}
    fields["out_stride"] = pad_axes(to_strides, MOVE_AXES, 0)
    moves[name] = {**{key: initializer(value) for key, value in fields.items()}, "run": str(run)}
    calls = [f"stapes_nn_move(&{name}, {given}, {made});" for given, made in (places(*at) for at in starts)]
    return "\n".join(statement(call, c_name(operation.name)) for call in calls)


def initializer(value: int | tuple[int, ...]) -> str:
    """Return a number or an array of numbers as the C that initializes it."""
    return f"{{{', '.join(map(str, value))}}}" if isinstance(value, tuple) else str(value)
