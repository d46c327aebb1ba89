"""Print the constants: arrays and one struct per layer, declared before the code and defined after it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from stapes.convert.emit.describe import real_text
from stapes.convert.emit.lines import COLUMNS, INDENT, assignment, rows
from stapes.convert.emit.loaded import is_loaded
from stapes.convert.emit.module import Module, Names, duplicate_tables
from stapes.convert.emit.statements import Moves, initializer
from stapes.convert.lower.operations import Call, Constant
from stapes.convert.lower.packing import DSP
from stapes.convert.plan.constants import constant_roots, uniform

LONGEST_SHAPE = 24  # columns of the comment that gives the shape of an array


@dataclass(frozen=True)
class Definition:
    """Constants of a model. `forward` declares the one that code names, `text` defines it and what it points to."""

    forward: str
    text: str


def constants(module: Module, names: Names, moves: Moves) -> list[Definition]:
    """Return everything in flash, in an order in which nothing is named before its definition."""
    found = [] if module.loadable is not None else list(_tensors_and_states(module, names))
    duplicates = duplicate_tables(module)
    for operation in module.placement.operations:
        if isinstance(operation, Call) and (module.loadable is None or _is_fixed(module, operation)):
            found += _layer(module, operation, duplicates)
    for name, fields in moves.items():
        found.append(_struct("stapes_nn_move_layer", name, fields))
    return found


def _is_fixed(module: Module, call: Call) -> bool:
    """Whether a loadable model has the struct of a layer in its code."""
    return bool(call.struct) and not is_loaded(module, call)


def _tensors_and_states(module: Module, names: Names) -> Iterator[Definition]:
    for number in constant_roots(module.placement):
        tensor = module.graph.tensors[number]
        kind = "int16" if tensor.dtype == "int16" else "int8"
        declaration = _declaration(module, kind, names.tensor(module.graph, number), tensor.count)
        comment = ": ".join(filter(None, (names.tensor(module.graph, number), real_text(tensor))))
        array = _array(declaration, np.asarray(tensor.data).view(kind))
        yield Definition(f"{declaration};", f"/* {comment} */\n{array}")
    for state, name in zip(module.graph.states, names.states, strict=True):
        if not uniform(state.initial):
            declaration = _declaration(module, "int8", f"{name}_start", len(state.initial))
            yield Definition(f"{declaration};", _array(declaration, np.frombuffer(state.initial, np.int8)))


def _layer(module: Module, operation: Call, duplicates: dict[str, str]) -> Iterator[Definition]:
    heading = f"/* {operation.name} */\n"
    for constant in operation.constants:
        name = f"{operation.name}_{constant.suffix}"
        if name in duplicates:
            pointer = f"static const int8_t *const {name}"
            yield Definition(f"{pointer};", assignment(pointer, duplicates[name]))
        else:
            declaration = _array_of(module, operation, constant, next(iter(constant.arrays.values())))
            yield Definition(f"{declaration};", heading + _guarded(module, operation, constant))
            heading = ""
    if operation.struct:
        arrays = [value for value in operation.fields.values() if isinstance(value, Constant)]
        fields = {
            key: f"{operation.name}_{value.suffix}" if isinstance(value, Constant) else initializer(value)
            for key, value in operation.fields.items()
        }
        struct = _struct(operation.struct, operation.name, fields)
        own = "\n".join(_guarded(module, operation, array) for array in arrays)
        yield Definition(struct.forward, heading + "\n".join(filter(None, (own, struct.text))))


def _struct(kind: str, name: str, fields: dict[str, str]) -> Definition:
    lines = "\n".join(f"    .{key} = {text}," for key, text in fields.items())
    return Definition(f"static const {kind} {name};", f"static const {kind} {name} = {{\n{lines}\n}};\n")


def _declaration(module: Module, dtype: str, name: str, count: int, attribute: str = "") -> str:
    """Return the declaration of an array, broken before its name where the line of its definition would be too long."""
    kind, named = f"static const {module.name.upper()}_CONST {attribute}{dtype}_t", f"{name}[{count}]"
    return f"{kind} {named}" if len(f"{kind} {named} = {{") + LONGEST_SHAPE <= COLUMNS else f"{kind}\n{INDENT}{named}"


def _array_of(module: Module, operation: Call, constant: Constant, array: np.ndarray, macro: str = "") -> str:
    reread = macro == DSP.macro and operation.kernel == "stapes_nn_conv" and constant.suffix == "weights"
    attribute = "STAPES_NN_CACHE_LINE " if reread else ""
    return _declaration(module, array.dtype.name, f"{operation.name}_{constant.suffix}", array.size, attribute)


def _guarded(module: Module, operation: Call, constant: Constant) -> str:
    """Return the definition of one array, or one per layout under #if where they differ."""
    arrays = list(constant.arrays.items())
    first = arrays[0][1]
    if all(array.dtype == first.dtype and np.array_equal(array.reshape(-1), first.reshape(-1)) for _, array in arrays):
        macro = arrays[0][0] if len(arrays) == 1 else ""
        return _array(_array_of(module, operation, constant, first, macro), first)
    parts = []
    for position, (macro, array) in enumerate(arrays):
        parts.append(
            f"{'#elif' if position else '#if'} STAPES_NN_LAYOUT == {macro}\n"
            + _array(_array_of(module, operation, constant, array, macro), array)
        )
    return "".join(parts) + "#endif\n"


def _array(declaration: str, array: np.ndarray) -> str:
    shape = f" /* {'x'.join(map(str, array.shape))} */" if array.ndim > 1 else ""
    return f"{declaration} = {{{shape}\n{rows(_literals(array))}\n}};\n"


def _literals(array: np.ndarray) -> list[str]:
    """Return the numbers of an array as C; Python prints a whole list of numbers faster than each of them."""
    values = str(array.reshape(-1).tolist())[1:-1].split(", ")
    if array.dtype == np.int32 and (array == -(1 << 31)).any():  # C has no literal for the lowest int32
        return ["-2147483647 - 1" if value == "-2147483648" else value for value in values]
    return values
