"""Make what a model keeps between steps explicit as `Graph.states`.

A .tflite expresses states in three ways:

resource variables  CALL_ONCE names a graph that assigns their initial values, READ_VARIABLE and ASSIGN_VARIABLE use
                    them. These operators are removed.
pairs               A signature gives an input and an output the same name, which begins with `state_`, as in the models
                    that stapes converts; elsewhere the caller carries the value over. Neither is an argument any more.
variable tensors    An operator such as an LSTM changes one of its inputs in place, so that `current` is `next`.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from stapes.convert.supported import RESOURCE_OPERATORS
from stapes.firmware_sim.errors import ModelError
from stapes.firmware_sim.tflite.graph import LONGEST_NAME, Graph, Model, Operator, State, Tensor
from stapes.firmware_sim.tflite.schema import Option

STATE_PREFIX = "state_"
# input of the operator -> name
_OWN_STATES = {"UNIDIRECTIONAL_SEQUENCE_LSTM": {18: "hidden", 19: "cell"}, "SVDF": {4: "memory"}}


@dataclass
class _Variables:
    """Bookkeeping of one walk over the operators."""

    current: dict[str, int] = field(default_factory=dict)  # variable -> tensor that holds it during the step
    latest: dict[str, int] = field(default_factory=dict)  # variable -> tensor assigned last
    handles: dict[int, str] = field(default_factory=dict)  # resource tensor -> variable
    renamed: dict[int, int] = field(default_factory=dict)  # result of READ_VARIABLE -> tensor


def lift_resource_variables(model: Model) -> Graph:
    """Return the main graph with its resource variables as states, without the operators on them."""
    graph = model.main
    initial = _initial_values(model)
    seen = _Variables()
    operators: list[Operator] = []
    for index, operator in enumerate(graph.operators):
        inputs = tuple(seen.renamed.get(number, number) for number in operator.inputs)
        if operator.kind not in RESOURCE_OPERATORS:
            operators.append(replace(operator, inputs=inputs))
        elif operator.kind != "CALL_ONCE":
            _follow(graph, index, replace(operator, inputs=inputs), seen, initial)
    states = tuple(
        State(name, number, seen.latest[name], initial[name].tobytes())
        for name, number in seen.current.items()
        if name in seen.latest
    )
    graph = _as_constants(graph, seen, initial)
    outputs = tuple(seen.renamed.get(number, number) for number in graph.outputs)
    return replace(graph, operators=tuple(operators), outputs=outputs, states=states)


def _follow(graph: Graph, index: int, operator: Operator, seen: _Variables, initial: dict[str, np.ndarray]) -> None:
    """Record one VAR_HANDLE, READ_VARIABLE or ASSIGN_VARIABLE in `seen`."""
    expected = {"VAR_HANDLE": (0, 1), "READ_VARIABLE": (1, 1), "ASSIGN_VARIABLE": (2, 0)}[operator.kind]
    if (len(operator.inputs), len(operator.outputs)) != expected or -1 in operator.inputs:
        raise ModelError(
            f"operator {index} ({operator.kind}) has {len(operator.inputs)} inputs and {len(operator.outputs)} outputs"
            f"; supported: {expected[0]} inputs and {expected[1]} outputs, none of them absent"
        )
    if operator.kind == "VAR_HANDLE":
        seen.handles[operator.outputs[0]] = _variable_name(operator)
        return
    name = seen.handles.get(operator.inputs[0])
    if name is None or name not in initial:
        raise ModelError(
            f"operator {index} ({operator.kind}): variable {_shown(name)} has no initial value; "
            "supported: variables to which a CALL_ONCE assigns one"
        )
    value = graph.tensors[operator.outputs[0] if operator.kind == "READ_VARIABLE" else operator.inputs[1]]
    if value.shape != initial[name].shape or value.dtype != initial[name].dtype.name:
        raise ModelError(
            f"operator {index} ({operator.kind}) uses variable {_shown(name)} as {value.dtype} {list(value.shape)}, "
            f"but CALL_ONCE assigns {initial[name].dtype.name} {list(initial[name].shape)}"
        )
    if operator.kind == "ASSIGN_VARIABLE":
        seen.latest[name] = operator.inputs[1]
        return
    if name in seen.latest:
        seen.renamed[operator.outputs[0]] = seen.latest[name]
        return
    if name not in seen.current:
        seen.current[name] = operator.outputs[0]
    seen.renamed[operator.outputs[0]] = seen.current[name]


def _variable_name(handle: Operator) -> str:
    """Return the attribute shared_name of a VAR_HANDLE."""
    return handle.options.text(1) if handle.options else ""


def _shown(name: str | None) -> str:
    """Return the name of a variable for a message; a damaged file may hold one of any length."""
    return "without a name" if not name else name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"


def _as_constants(graph: Graph, seen: _Variables, initial: dict[str, np.ndarray]) -> Graph:
    """Return the graph with variables that are read but never assigned as constants."""
    tensors = list(graph.tensors)
    for name, number in seen.current.items():
        if name not in seen.latest:
            tensors[number] = replace(tensors[number], data=initial[name])
    return replace(graph, tensors=tuple(tensors))


def _initial_values(model: Model) -> dict[str, np.ndarray]:
    """Return the initial int8 values of variables; graphs named by CALL_ONCE assign them and may do nothing else."""
    values: dict[str, np.ndarray] = {}
    for index, operator in enumerate(model.main.operators):
        if operator.kind != "CALL_ONCE":
            continue
        number = int(Option(0, "i").read(operator.options))
        if not 1 <= number <= len(model.others):
            raise ModelError(
                f"operator {index} (CALL_ONCE) names graph {number}, but the file has {len(model.others) + 1}"
            )
        values.update(_assigned_constants(model.others[number - 1], number))
    return values


def _assigned_constants(graph: Graph, number: int) -> dict[str, np.ndarray]:
    handles: dict[int, str] = {}
    values: dict[str, np.ndarray] = {}
    for operator in graph.operators:
        if operator.kind == "VAR_HANDLE" and len(operator.outputs) == 1:
            handles[operator.outputs[0]] = _variable_name(operator)
        elif operator.kind == "ASSIGN_VARIABLE" and len(operator.inputs) == 2 and operator.inputs[0] in handles:
            value = graph.tensors[operator.inputs[1]].data
            if value is None or value.dtype != np.int8 or not value.size:
                raise ModelError(
                    f"graph {number} (CALL_ONCE): the initial value of variable {_shown(handles[operator.inputs[0]])} "
                    "is computed, empty, or not int8; supported: constant int8 tensors that are not empty"
                )
            values[handles[operator.inputs[0]]] = value
        else:
            raise ModelError(
                f"graph {number} (CALL_ONCE) holds {operator.kind}; supported: constants assigned to variables"
            )
    return values


def named_pairs(graph: Graph) -> dict[str, tuple[int, int]]:
    """Return, by name, the positions of an input and an output to which a signature gives the same name of a state."""
    names = graph.input_names if graph.signed else ()
    return {
        name: (position, graph.output_names.index(name))
        for position, name in enumerate(names)
        if name.startswith(STATE_PREFIX) and graph.output_names.count(name) == graph.input_names.count(name) == 1
    }


def state_pairs(graph: Graph) -> dict[str, tuple[int, int]]:
    """Return those of the named pairs that are a state: int8 tensors of the same shape and quantization."""
    return {
        name: (taken, given)
        for name, (taken, given) in named_pairs(graph).items()
        if graph.inputs[taken] != graph.outputs[given]
        and graph.tensors[graph.inputs[taken]].dtype in ("int8", "int16")
        and alike(graph.tensors[graph.inputs[taken]], graph.tensors[graph.outputs[given]])
    }


def lift_pairs(graph: Graph) -> Graph:
    """Return the graph with its pairs as states that start at a real value of 0, no longer inputs and outputs."""
    states, paired_inputs, paired_outputs = list(graph.states), set(), set()
    for name, (taken, given) in state_pairs(graph).items():
        tensor = graph.tensors[graph.inputs[taken]]
        zero = int(tensor.quantization.zero_points[0])  # type: ignore[union-attr]
        states.append(State(name, graph.inputs[taken], graph.outputs[given], _start(tensor, zero)))
        paired_inputs.add(taken)
        paired_outputs.add(given)

    def rest(values: tuple, paired: set[int]) -> tuple:
        return tuple(value for position, value in enumerate(values) if position not in paired)

    return replace(
        graph,
        inputs=rest(graph.inputs, paired_inputs),
        input_names=rest(graph.input_names, paired_inputs),
        outputs=rest(graph.outputs, paired_outputs),
        output_names=rest(graph.output_names, paired_outputs),
        states=tuple(states),
    )


def _start(tensor: Tensor, zero_point: int) -> bytes:
    """Return the bytes of a state that starts at a real value of 0."""
    return np.full(tensor.count, zero_point, np.dtype(tensor.dtype).newbyteorder("<")).tobytes()


def alike(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors have the same shape, type, scales and zero points; False where one has no scale."""
    if a.quantization is None or b.quantization is None:
        return False
    same = np.array_equal(a.quantization.scales, b.quantization.scales)
    zero = np.array_equal(a.quantization.zero_points, b.quantization.zero_points)
    return (a.shape, a.dtype) == (b.shape, b.dtype) and same and zero


def lift_variable_tensors(graph: Graph) -> Graph:
    """Return the graph with the variable tensors of its operators as states, which start at a real value of 0.

    Raises ModelError where a variable tensor is anything but the state of exactly one operator.
    """
    states = list(graph.states)
    used = [(operator, position) for operator in graph.operators for position in range(len(operator.inputs))]
    read = [operator.inputs[position] for operator, position in used]
    elsewhere = {*graph.inputs, *graph.outputs, *(state.next for state in graph.states)}
    for number in sorted({*read, *elsewhere} - {-1}):
        tensor = graph.tensors[number]
        if not tensor.variable:
            continue
        names = [_OWN_STATES.get(op.kind, {}).get(at) for op, at in used if op.inputs[at] == number]
        if number in elsewhere or len(names) != 1 or names[0] is None or tensor.data is not None:
            raise ModelError(
                f"tensor {number} ({tensor.name}) is a variable; supported: variables that are the state of one "
                f"{' or '.join(_OWN_STATES)} each, and nothing else"
            )
        zero = int(tensor.quantization.zero_points[0]) if tensor.dtype == "int8" and tensor.quantization else 0
        states.append(State(names[0], number, number, _start(tensor, zero)))
    return replace(graph, states=_in_order_of_use(states, graph.operators))


def _in_order_of_use(states: list[State], operators: tuple[Operator, ...]) -> tuple[State, ...]:
    """Order the states as the operators first read them, which is the order in which a person would declare them."""
    first = {number: position for position, op in reversed(list(enumerate(operators))) for number in op.inputs}
    return tuple(sorted(states, key=lambda state: first.get(state.current, len(operators))))
