"""Print the constants: arrays and one struct per layer, declared before the code and defined after it."""

from collections.abc import Iterator

import numpy as np

from stapes.convert.emit.describe import real_text
from stapes.convert.emit.lines import assignment, rows
from stapes.convert.emit.module import Module, Names, constant_tensors, duplicate_tables, uniform
from stapes.convert.emit.statements import Moves, initializer
from stapes.convert.lower.operations import Call, Constant


def constants(module: Module, names: Names, moves: Moves) -> tuple[str, str]:
    """Return forward declarations and definitions of everything in flash."""
    declarations, definitions = [], []
    duplicates = duplicate_tables(module)
    for number in constant_tensors(module):
        tensor = module.graph.tensors[number]
        declaration = f"static const int8_t {names.tensor(module.graph, number)}[{tensor.count}]"
        declarations.append(declaration + ";")
        comment = ": ".join(filter(None, (names.tensor(module.graph, number), real_text(tensor))))
        definitions.append(f"/* {comment} */\n" + _array(declaration, np.asarray(tensor.data).view(np.int8)))
    for state, name in zip(module.graph.states, names.states, strict=True):
        if not uniform(state.initial):
            declaration = f"static const int8_t {name}_start[{len(state.initial)}]"
            declarations.append(declaration + ";")
            definitions.append(_array(declaration, np.frombuffer(state.initial, np.int8)))
    for operation in module.placement.operations:
        if isinstance(operation, Call):
            if operation.struct:
                declarations.append(f"static const {operation.struct} {operation.name};")
            for constant in operation.constants:
                name = f"{operation.name}_{constant.suffix}"
                declaration = _declaration(operation, constant, next(iter(constant.arrays.values())))
                declarations.append(
                    assignment(f"static const int8_t *const {name}", duplicates[name])
                    if name in duplicates
                    else f"{declaration};"
                )
            definitions += _layer(operation, duplicates)
    for name, fields in moves.items():
        declarations.append(f"static const stapes_nn_move_layer {name};")
        definitions.append(_struct("stapes_nn_move_layer", name, fields))
    return "\n".join(declarations) + "\n", "\n" + "\n".join(definitions) if definitions else ""


def _layer(operation: Call, duplicates: dict[str, str]) -> Iterator[str]:
    own = [
        constant for constant in operation.all_constants() if f"{operation.name}_{constant.suffix}" not in duplicates
    ]
    if own or operation.struct:
        yield f"/* {operation.name} */"
    for constant in own:
        yield _guarded(operation, constant)
    if not operation.struct:
        return
    fields = {
        key: f"{operation.name}_{value.suffix}" if isinstance(value, Constant) else initializer(value)
        for key, value in operation.fields.items()
    }
    yield _struct(operation.struct, operation.name, fields)


def _struct(kind: str, name: str, fields: dict[str, str]) -> str:
    lines = "\n".join(f"    .{key} = {text}," for key, text in fields.items())
    return f"static const {kind} {name} = {{\n{lines}\n}};\n"


def _declaration(operation: Call, constant: Constant, array: np.ndarray) -> str:
    return f"static const {array.dtype.name}_t {operation.name}_{constant.suffix}[{array.size}]"


def _guarded(operation: Call, constant: Constant) -> str:
    """Return the definition of one array, or one per layout under #if where they differ."""
    arrays = list(constant.arrays.items())
    first = arrays[0][1]
    if all(array.dtype == first.dtype and np.array_equal(array.reshape(-1), first.reshape(-1)) for _, array in arrays):
        return _array(_declaration(operation, constant, first), first)
    parts = []
    for position, (macro, array) in enumerate(arrays):
        parts.append(
            f"{'#elif' if position else '#if'} STAPES_NN_LAYOUT == {macro}\n"
            + _array(_declaration(operation, constant, array), array)
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
