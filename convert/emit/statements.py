"""The statements of NAME_step: one line per layer, move or fill."""

from stapes.convert.emit.describe import shape_text
from stapes.convert.emit.lines import statement
from stapes.convert.emit.module import Module, Names
from stapes.convert.lower.names import c_name
from stapes.convert.lower.steps import Fill, Move, Step, merge_axes, pad_axes
from stapes.convert.plan.coalesce import Spot
from stapes.convert.read.graph import Tensor

MOVE_AXES = 5  # of stapes_nn_move_layer
Moves = dict[str, dict[str, str]]  # name of a stapes_nn_move_layer -> its members as C


class _Pointers:
    """C expressions for where tensors lie."""

    def __init__(self, module: Module, names: Names) -> None:
        self._module, self._names = module, names
        self.uses_arena = False

    def tensor(self, number: int, extra: int = 0) -> str:
        spot = self._module.homes.spot(number)
        return self._at(Spot(spot.root, spot.offset + extra))

    def scratch(self, step: int) -> str:
        offset = self._module.plan.scratch_of(step)
        if offset is None:
            return "NULL"
        self.uses_arena = True
        return _plus("arena", offset)

    def _at(self, spot: Spot) -> str:
        homes, graph, names = self._module.homes, self._module.graph, self._names
        if spot.root in homes.state_of:
            return _plus(f"self->{names.states[homes.state_of[spot.root]]}", spot.offset)
        if spot.root in homes.output_of:
            number = homes.output_of[spot.root]
            return _plus(_as_int8(graph.tensors[graph.outputs[number]], names.outputs[number]), spot.offset)
        if spot.root in graph.inputs:
            number = graph.inputs.index(spot.root)
            return _plus(_as_int8(graph.tensors[spot.root], names.inputs[number], "const "), spot.offset)
        if graph.tensors[spot.root].data is not None:
            return _plus(names.tensor(graph, spot.root), spot.offset)
        base = self._module.plan.offset_of(spot.root)
        assert base is not None
        self.uses_arena = True
        return _plus("arena", base + spot.offset)


def _plus(pointer: str, offset: int) -> str:
    return f"{pointer} + {offset}" if offset else pointer


def _as_int8(tensor: Tensor, name: str, const: str = "") -> str:
    return name if tensor.dtype == "int8" else f"({const}int8_t *){name}"


def step_body(module: Module, names: Names) -> tuple[str, Moves]:
    """Return the statements of NAME_step, and the move layers that they need."""
    pointers = _Pointers(module, names)
    lines: list[str] = []
    moves: Moves = {}
    for index, step in enumerate(module.homes.steps):
        lines.append(_statement(module, names, pointers, index, step, moves))
    head = "    int8_t *const arena = (int8_t *)self->arena;\n\n" if pointers.uses_arena else ""
    if "self" not in "\n".join(lines) and not pointers.uses_arena:
        head = "    (void)self;\n"
    return head + "\n".join(lines), moves


def _statement(module: Module, names: Names, pointers: _Pointers, index: int, step: Step, moves: Moves) -> str:
    if isinstance(step, Fill):
        count = module.graph.tensors[step.target].count
        return statement(f"memset({pointers.tensor(step.target)}, {step.value}, {count});", step.name)
    if isinstance(step, Move):
        return _move(module, names, pointers, step, moves)
    places = {f"in{i}": pointers.tensor(number) for i, number in enumerate(step.inputs)}
    tensors = module.graph.tensors
    shapes = (
        f"{', '.join(shape_text(tensors[n].shape) for n in step.inputs)} -> {shape_text(tensors[step.output].shape)}"
    )
    line = step.form.format(name=step.name, out=pointers.tensor(step.output), scratch=pointers.scratch(index), **places)
    return statement(line, shapes)


def _move(module: Module, names: Names, pointers: _Pointers, step: Move, moves: Moves) -> str:
    shape, (from_steps, to_steps) = merge_axes(step.shape, step.source.steps, step.target.steps)

    def places(from_extra: int = 0, to_extra: int = 0) -> tuple[str, str]:
        source, target = step.source, step.target
        return (
            pointers.tensor(source.tensor, source.offset + from_extra),
            pointers.tensor(target.tensor, target.offset + to_extra),
        )

    if from_steps == to_steps == (1,):
        same = module.homes.spot(step.source.tensor).root == module.homes.spot(step.target.tensor).root
        given, made = places()
        return statement(f"{'memmove' if same else 'memcpy'}({made}, {given}, {step.count});", c_name(step.name))
    run, starts = 1, [(0, 0)]
    if from_steps[-1] == to_steps[-1] == 1:
        run, shape, from_steps, to_steps = shape[-1], shape[:-1], from_steps[:-1], to_steps[:-1]
    if len(shape) > MOVE_AXES:  # a call per index of the outermost axis
        starts = [(i * from_steps[0], i * to_steps[0]) for i in range(shape[0])]
        shape, from_steps, to_steps = shape[1:], from_steps[1:], to_steps[1:]
    name = names.make(f"{step.name}_move", "move")
    fields = {"shape": pad_axes(shape, MOVE_AXES, 1), "in_stride": pad_axes(from_steps, MOVE_AXES, 0)}
    fields["out_stride"] = pad_axes(to_steps, MOVE_AXES, 0)
    moves[name] = {**{key: initializer(value) for key, value in fields.items()}, "run": str(run)}
    calls = [f"stapes_nn_move(&{name}, {given}, {made});" for given, made in (places(*at) for at in starts)]
    return "\n".join(statement(call, c_name(step.name)) for call in calls)


def initializer(value: int | tuple[int, ...]) -> str:
    """Return a number or an array of numbers as the C that initializes it."""
    return f"{{{', '.join(map(str, value))}}}" if isinstance(value, tuple) else str(value)
