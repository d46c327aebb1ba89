"""Steps and memory plan to C99 that people read.

NAME.h holds the sizes, the struct and two functions; NAME.c a table of layers, one line per layer, then the constants.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stapes.convert.amalgamate import amalgamate, kernel_files
from stapes.convert.graph import Graph, Tensor
from stapes.convert.lower import argument_names
from stapes.convert.memory import Plan
from stapes.convert.names import NameMaker, c_name, module_globals
from stapes.convert.packing import Layout
from stapes.convert.passes.places import Homes, Spot, reads
from stapes.convert.steps import Call, Constant, Fill, Move, Step, merge_axes, pad_axes

KERNELS_VERSION = 1  # STAPES_NN_VERSION in csrc/stapes_nn.h
VALUES_PER_LINE = 16
MOVE_AXES = 5


@dataclass(frozen=True)
class Module:
    """A planned model, ready to be printed."""

    name: str
    digest: str  # sha256 of the .tflite
    version: str
    homes: Homes
    plan: Plan
    layouts: tuple[Layout, ...]
    every_layout: bool

    @property
    def graph(self) -> Graph:
        """The graph with the tensors that the passes added."""
        return self.homes.graph

    def state_sizes(self) -> list[int]:
        """Bytes of each state's memory, which may be longer than the state."""
        sizes = [0] * len(self.graph.states)
        for root, number in self.homes.state_of.items():
            sizes[number] = -(-self.graph.tensors[root].count // 4) * 4
        return sizes

    def arena_bytes(self) -> int:
        """Bytes of the arena."""
        return self.plan.size

    def ram_bytes(self) -> int:
        """sizeof(NAME_t)."""
        return max(4, self.arena_bytes() + sum(self.state_sizes()))


class Names:
    """C names of the arguments, states and constant tensors of a module."""

    def __init__(self, module: Module) -> None:
        graph = module.graph
        arguments = argument_names(graph)
        self.inputs, self.outputs = arguments[: len(graph.inputs)], arguments[len(graph.inputs) :]
        layers = [step.name for step in module.homes.steps if isinstance(step, Call)]
        self._maker = NameMaker([*arguments, *module_globals(module.name), *layers])
        self.states = [self.make(state.name.split(":")[0].replace("/", "_"), "state") for state in graph.states]
        self.tensors: dict[int, str] = {}

    def make(self, wish: str, otherwise: str) -> str:
        """Return a name that nothing else in the module has."""
        return self._maker.make(wish, otherwise)

    def tensor(self, graph: Graph, number: int) -> str:
        """Name of a constant tensor."""
        if number not in self.tensors:
            self.tensors[number] = self.make(
                c_name(graph.tensors[number].name.split(";")[0].split("/")[-1]), "constant"
            )
        return self.tensors[number]


def c_type(tensor: Tensor) -> str:
    """C type of an input or output."""
    return f"{tensor.dtype}_t"


def signature(module: Module, names: Names) -> str:
    """Parameters of NAME_step."""
    graph = module.graph
    parts = [f"{module.name}_t *self"]
    for number, name in zip(graph.inputs, names.inputs, strict=True):
        parts.append(f"const {c_type(graph.tensors[number])} {name}[{graph.tensors[number].count}]")
    for number, name in zip(graph.outputs, names.outputs, strict=True):
        parts.append(f"{c_type(graph.tensors[number])} {name}[{graph.tensors[number].count}]")
    return ", ".join(parts)


@dataclass(frozen=True)
class Sizes:
    """Exact bytes, as the header's #defines say them; constants of the largest layout."""

    ram: int
    arena: int
    states: int
    weights: int
    channels: int  # biases, multipliers, shifts
    tables: int
    macs: int


def measure(module: Module) -> Sizes:
    """Add up a module."""
    weights = channels = tables = macs = 0
    twins = _twins(module)
    for step in module.homes.steps:
        if isinstance(step, Call):
            macs += step.macs
            for constant in step.all_constants():
                size = max(array.nbytes for array in constant.arrays.values())
                if constant.suffix == "weights":
                    weights += size
                elif constant.suffix in ("bias", "multiplier", "shift"):
                    channels += size
                elif f"{step.name}_{constant.suffix}" not in twins:
                    tables += size
    tables += sum(module.graph.tensors[number].count for number in constant_tensors(module))
    tables += sum(len(state.initial) for state in module.graph.states if not _uniform(state.initial))
    return Sizes(module.ram_bytes(), module.arena_bytes(), sum(module.state_sizes()), weights, channels, tables, macs)


def constant_tensors(module: Module) -> list[int]:
    """Roots that are constants and read by some step."""
    tensors = module.graph.tensors
    roots = {module.homes.spot(t).root for step in module.homes.steps for t in reads(step)}
    return sorted(root for root in roots if tensors[root].data is not None)


def _uniform(values: bytes) -> bool:
    return len(set(values)) == 1


def header(module: Module) -> str:
    """NAME.h."""
    names, sizes, name = Names(module), measure(module), module.name
    upper = name.upper()
    members = [f"    int32_t arena[{max(1, sizes.arena // 4)}];" if sizes.arena or not module.graph.states else ""]
    members += [f"    int8_t {state}[{size}];" for state, size in zip(names.states, module.state_sizes(), strict=True)]
    return f"""{_banner(module, f"{name}.h")}
 *
{_arguments(module, names)}
 */
#ifndef {upper}_H
#define {upper}_H

#include <stdint.h>

#define {upper}_RAM_BYTES {sizes.ram} /* sizeof({name}_t) */
#define {upper}_WEIGHT_BYTES {sizes.weights}
#define {upper}_CHANNEL_BYTES {sizes.channels} /* biases, multipliers, shifts */
#define {upper}_TABLE_BYTES {sizes.tables}
#define {upper}_MACS {sizes.macs} /* per step */

#ifdef __cplusplus
extern "C" {{
#endif

/* Everything that changes; one per detector. The arena is free between steps, the states are not. */
typedef struct {{
{chr(10).join(member for member in members if member)}
}} {name}_t;

/* Before the first step, and to start afresh. */
void {name}_reset({name}_t *self);

/* One inference. The arrays must not overlap each other or *self. */
void {name}_step({signature(module, names)});

#ifdef __cplusplus
}}
#endif

#endif
"""


def _banner(module: Module, file: str) -> str:
    origin = f"stapes {module.version} from a .tflite with sha256 {module.digest[:16]}"
    return f"""/* {file} -- written by {origin}. Regenerate, do not edit.
 * This file belongs to whoever generated it; the kernels (stapes_nn) are Apache-2.0."""


def _arguments(module: Module, names: Names) -> str:
    graph = module.graph
    rows = []
    for side, numbers, labels in (("in", graph.inputs, names.inputs), ("out", graph.outputs, names.outputs)):
        for number, label in zip(numbers, labels, strict=True):
            tensor = graph.tensors[number]
            rows.append((side, label, _shape(tensor.shape), tensor.dtype, _real(tensor)))
    for state, label in zip(graph.states, names.states, strict=True):
        tensor = graph.tensors[state.current]
        rows.append(("state", label, _shape(tensor.shape), tensor.dtype, _real(tensor)))
    return "\n".join(" *   " + line for line in table(rows))


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Align columns to the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _shape(shape: tuple[int, ...]) -> str:
    sizes = shape[1:] if len(shape) > 1 and shape[0] == 1 else shape
    return "x".join(map(str, sizes)) or "1"


def _real(tensor: Tensor) -> str:
    if tensor.quantization is None:
        return ""
    scale, zero = float(tensor.quantization.scales[0]), int(tensor.quantization.zero_points[0])
    offset = f"(q {'-' if zero > 0 else '+'} {abs(zero)})" if zero else "q"
    return f"real = {scale:.6g} * {offset}"


def layer_rows(module: Module) -> list[tuple[str, ...]]:
    """The table of layers: name, kernel, shapes, weights, MACs, output scale."""
    rows: list[tuple[str, ...]] = [("layer", "kernel", "in", "out", "weights", "MACs", "output")]
    tensors = module.graph.tensors
    for step in module.homes.steps:
        if isinstance(step, Call):
            weights = sum(
                max(a.nbytes for a in c.arrays.values()) for c in step.all_constants() if c.suffix == "weights"
            )
            kernel = f"{step.kernel.removeprefix('stapes_nn_')} {step.note}".strip()
            shapes = (
                " ".join(_shape(tensors[number].shape) for number in step.inputs),
                _shape(tensors[step.output].shape),
            )
            rows.append(
                (step.name, kernel, *shapes, str(weights or ""), str(step.macs or ""), _real(tensors[step.output]))
            )
    return rows


def source(module: Module) -> str:
    """NAME.c without kernels."""
    names = Names(module)
    body, moves = _body(module, names)
    declarations, definitions = _constants(module, names, moves)
    rows = "\n".join(" *   " + line for line in table(layer_rows(module)))
    return f"""{_banner(module, f"{module.name}.c")}
 *
{rows}
 */
#include "{module.name}.h"

#include <string.h>

#include "stapes_nn.h"

#if STAPES_NN_VERSION != {KERNELS_VERSION}
#error "{module.name}.c was written for stapes_nn version {KERNELS_VERSION}: run `stapes compile` again"
#endif
{_layout_guard(module)}
{declarations}
{_reset(module, names)}
void {module.name}_step({signature(module, names)})
{{
{body}
}}
{definitions}"""


def _layout_guard(module: Module) -> str:
    if module.every_layout:
        return ""
    macro = module.layouts[0].macro
    return f"""#if STAPES_NN_LAYOUT != {macro}
#error "{module.name}.c holds weights for {macro}: run `stapes compile` with another --target"
#endif
"""


def _reset(module: Module, names: Names) -> str:
    lines = []
    for state, name in zip(module.graph.states, names.states, strict=True):
        if _uniform(state.initial):
            value = int.from_bytes(state.initial[:1], "little", signed=True)
            lines.append(f"    memset(self->{name}, {value}, {len(state.initial)});")
        else:
            lines.append(f"    memcpy(self->{name}, {name}_start, {len(state.initial)});")
    body = "\n".join(lines) or "    (void)self; /* holds no state */"
    return f"void {module.name}_reset({module.name}_t *self)\n{{\n{body}\n}}\n"


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


def _body(module: Module, names: Names) -> tuple[str, dict[str, str]]:
    """Return the statements of NAME_step, and the move layers that they need (name -> initializer)."""
    pointers = _Pointers(module, names)
    lines: list[str] = []
    moves: dict[str, str] = {}
    for index, step in enumerate(module.homes.steps):
        lines.append("    " + _statement(module, names, pointers, index, step, moves))
    head = "    int8_t *const arena = (int8_t *)self->arena;\n\n" if pointers.uses_arena else ""
    if "self" not in "\n".join(lines) and not pointers.uses_arena:
        head = "    (void)self;\n"
    return head + "\n".join(lines), moves


def _statement(module: Module, names: Names, pointers: _Pointers, index: int, step: Step, moves: dict[str, str]) -> str:
    if isinstance(step, Fill):
        count = module.graph.tensors[step.target].count
        return f"memset({pointers.tensor(step.target)}, {step.value}, {count}); /* {step.name} */"
    if isinstance(step, Move):
        return _move(module, names, pointers, step, moves)
    places = {f"in{i}": pointers.tensor(number) for i, number in enumerate(step.inputs)}
    tensors = module.graph.tensors
    shapes = f"{' '.join(_shape(tensors[n].shape) for n in step.inputs)} -> {_shape(tensors[step.output].shape)}"
    line = step.form.format(name=step.name, out=pointers.tensor(step.output), scratch=pointers.scratch(index), **places)
    return f"{line} /* {shapes} */"


def _move(module: Module, names: Names, pointers: _Pointers, step: Move, moves: dict[str, str]) -> str:
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
        return f"{'memmove' if same else 'memcpy'}({made}, {given}, {step.count}); /* {c_name(step.name)} */"
    run, starts = 1, [(0, 0)]
    if from_steps[-1] == to_steps[-1] == 1:
        run, shape, from_steps, to_steps = shape[-1], shape[:-1], from_steps[:-1], to_steps[:-1]
    if len(shape) > MOVE_AXES:  # a call per index of the outermost axis
        starts = [(i * from_steps[0], i * to_steps[0]) for i in range(shape[0])]
        shape, from_steps, to_steps = shape[1:], from_steps[1:], to_steps[1:]
    name = names.make(f"{step.name}_move", "move")
    fields = {"shape": pad_axes(shape, MOVE_AXES, 1), "in_step": pad_axes(from_steps, MOVE_AXES, 0)}
    fields["out_step"] = pad_axes(to_steps, MOVE_AXES, 0)
    moves[name] = f"{{{', '.join(f'.{key} = {_braces(value)}' for key, value in fields.items())}, .run = {run}}}"
    return "\n    ".join(f"stapes_nn_move(&{name}, {given}, {made});" for given, made in (places(*at) for at in starts))


def _braces(values: tuple[int, ...]) -> str:
    return "{" + ", ".join(map(str, values)) + "}"


def _constants(module: Module, names: Names, moves: dict[str, str]) -> tuple[str, str]:
    """Return forward declarations and definitions of everything in flash."""
    declarations, definitions = [], []
    twins = _twins(module)
    for number in constant_tensors(module):
        tensor = module.graph.tensors[number]
        declaration = f"static const int8_t {names.tensor(module.graph, number)}[{tensor.count}]"
        declarations.append(declaration + ";")
        definitions.append(_array(declaration, np.asarray(tensor.data).view(np.int8)))
    for state, name in zip(module.graph.states, names.states, strict=True):
        if not _uniform(state.initial):
            declaration = f"static const int8_t {name}_start[{len(state.initial)}]"
            declarations.append(declaration + ";")
            definitions.append(_array(declaration, np.frombuffer(state.initial, np.int8)))
    for step in module.homes.steps:
        if isinstance(step, Call):
            if step.struct:
                declarations.append(f"static const {step.struct} {step.name};")
            for constant in step.constants:
                name = f"{step.name}_{constant.suffix}"
                declaration = _declaration(step, constant, next(iter(constant.arrays.values())))
                declarations.append(
                    f"static const int8_t *const {name} = {twins[name]};" if name in twins else f"{declaration};"
                )
            definitions += _layer(module, step, twins)
    for name, initializer in moves.items():
        declarations.append(f"static const stapes_nn_move_layer {name};")
        definitions.append(f"static const stapes_nn_move_layer {name} = {initializer};\n")
    return "\n".join(declarations) + "\n", "\n" + "\n".join(definitions) if definitions else ""


def _twins(module: Module) -> dict[str, str]:
    """Name of a lookup table -> name of an earlier one with the same values."""
    first: dict[bytes, str] = {}
    twins: dict[str, str] = {}
    for step in module.homes.steps:
        for constant in step.constants if isinstance(step, Call) else ():
            name = f"{step.name}_{constant.suffix}"
            earlier = first.setdefault(_table_values(constant), name) if constant.suffix == "table" else name
            if earlier != name:
                twins[name] = earlier
    return twins


def _table_values(table: Constant) -> bytes:
    return b"".join(array.tobytes() for array in table.arrays.values())


def _layer(module: Module, step: Call, twins: dict[str, str]) -> Iterator[str]:
    own = [constant for constant in step.all_constants() if f"{step.name}_{constant.suffix}" not in twins]
    if own or step.struct:
        yield f"/* {step.name} */"
    for constant in own:
        yield _guarded(step, constant)
    if not step.struct:
        return
    lines = []
    for key, value in step.fields.items():
        text = (
            f"{step.name}_{value.suffix}"
            if isinstance(value, Constant)
            else _braces(value)
            if isinstance(value, tuple)
            else f"{value}"
        )
        lines.append(f"    .{key} = {text},")
    yield f"static const {step.struct} {step.name} = {{\n" + "\n".join(lines) + "\n};\n"


def _declaration(step: Call, constant: Constant, array: np.ndarray) -> str:
    return f"static const {array.dtype.name}_t {step.name}_{constant.suffix}[{array.size}]"


def _guarded(step: Call, constant: Constant) -> str:
    """One array, or one per layout under #if where they differ."""
    arrays = list(constant.arrays.items())
    first = arrays[0][1]
    if all(array.dtype == first.dtype and np.array_equal(array.reshape(-1), first.reshape(-1)) for _, array in arrays):
        return _array(_declaration(step, constant, first), first)
    parts = []
    for position, (macro, array) in enumerate(arrays):
        parts.append(
            f"{'#elif' if position else '#if'} STAPES_NN_LAYOUT == {macro}\n"
            + _array(_declaration(step, constant, array), array)
        )
    return "".join(parts) + "#endif\n"


def _array(declaration: str, array: np.ndarray) -> str:
    values = [_literal(value) for value in array.reshape(-1).tolist()]
    rows = [", ".join(values[i : i + VALUES_PER_LINE]) for i in range(0, len(values), VALUES_PER_LINE)]
    shape = f" /* {'x'.join(map(str, array.shape))} */" if array.ndim > 1 else ""
    return f"{declaration} = {{{shape}\n    " + ",\n    ".join(rows) + "\n};\n"


def _literal(value: int) -> str:
    return "-2147483647 - 1" if value == -(1 << 31) else str(value)


def files(module: Module, single_file: bool) -> dict[str, str]:
    """Name and text of every file of the library."""
    kernels = sorted({step.kernel for step in module.homes.steps if isinstance(step, Call)} | _move_kernels(module))
    own = {f"{module.name}.h": header(module)}
    if single_file:
        return own | {f"{module.name}.c": amalgamate(source(module), kernels, module.layouts, module.every_layout)}
    return own | {f"{module.name}.c": source(module)} | kernel_files(kernels, module.layouts, module.every_layout)


def _move_kernels(module: Module) -> set[str]:
    _, moves = _body(module, Names(module))
    return {"stapes_nn_move"} if moves else set()
