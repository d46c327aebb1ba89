"""A .tflite as plain dataclasses, on which passes, lowering, planner and emitter work.

`read_model` parses and checks the file. Only the attributes of operators stay in the flatbuffer, for schema.Option.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite, prod

import numpy as np

from stapes.firmware_sim.errors import ModelError
from stapes.firmware_sim.tflite.flatbuffer import Table, root
from stapes.firmware_sim.tflite.schema import DTYPES, OPTIONS_TYPES, READ, operator_name, options_type

LARGEST_TENSOR = 1 << 24  # bytes; every index of the generated C stays far inside of int32, and planning takes seconds
LARGEST_COUNT = 1 << 11  # operators, or tensors without constants; so many that live at a time are placed in seconds
LARGEST_CONSTANTS = 1 << 13  # constant tensors
RANKS = 6
# Stands for the scale 0, which only constants that are all 0 may have: the converter gives it to the first state of an
# unrolled LSTM of int16. A MUL reads that state; LiteRT's factor is 0 there, and with this, the least scale, nearly 0.
SCALE_OF_ZEROS = np.finfo(np.float32).smallest_subnormal
LONGEST_NAME = 256
# Bytes per element of the types that a model computes with, where not 1.
WIDTHS = {"int16": 2, "float32": 4, "int32": 4, "int64": 8}


@dataclass(frozen=True)
class Quantization:
    """real = scale * (q - zero_point) of whole numbers; several scales belong to the slices along `axis`."""

    scales: np.ndarray  # float32
    zero_points: np.ndarray
    axis: int


@dataclass(frozen=True)
class Tensor:
    """A value in the graph. A constant has `data`: an array, or raw bytes for types outside of schema.READ."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    quantization: Quantization | None = None
    data: np.ndarray | None = None
    variable: bool = False  # a state: the operator that reads it also changes it

    @property
    def count(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def width(self) -> int:
        """Bytes per element of a tensor that a model computes with."""
        return WIDTHS.get(self.dtype, 1)

    @property
    def nbytes(self) -> int:
        """Bytes of a tensor that a model computes with."""
        return self.count * self.width


@dataclass(frozen=True)
class Operator:
    """One node of the graph. Tensors are given by their numbers; -1 stands for an absent input."""

    kind: str  # as the schema names it
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None = None  # attributes, which schema.Option reads
    number: int = 0  # in the file
    intermediates: tuple[int, ...] = ()  # tensors that state a scale inside of the operator
    borders: tuple[tuple[int, int], tuple[int, int]] = (
        (0, 0),
        (0, 0),
    )  # before, after of a PAD or SPACE_TO_BATCH_ND taken over: rows, columns
    dilations: tuple[int, int] = (1, 1)  # of a SPACE_TO_BATCH_ND taken over: rows, columns
    # Of a QUANTIZE that took over a DEQUANTIZE: the operators on float32 between them, functions of one value.
    by_way_of_real: tuple[str, ...] | None = None

    @property
    def is_custom(self) -> bool:
        """Whether the operator is outside of the schema; then `kind` holds its name in quotes."""
        return self.kind.startswith("CUSTOM ")


@dataclass(frozen=True)
class State:
    """What a model keeps between steps.

    Tensor `current` holds it during a step, tensor `next` after the step; they are the same tensor where an operator
    changes it in place. `initial`: the bytes before the first step.
    """

    name: str
    current: int
    next: int
    initial: bytes


@dataclass(frozen=True)
class Graph:
    """A model: tensors, operators in the order in which they run, inputs, outputs and states, by tensor numbers."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    states: tuple[State, ...] = ()
    signed: bool = False  # input_names and output_names are those of a signature

    def with_tensor(self, tensor: Tensor) -> "tuple[Graph, int]":
        """Return the graph with one more tensor, and its number."""
        return replace(self, tensors=(*self.tensors, tensor)), len(self.tensors)

    def with_instead(self, instead: Mapping[int, int]) -> "Graph":
        """Return the graph in which every tensor that is a key of `instead` is read as the tensor named there."""

        def numbers(given: tuple[int, ...]) -> tuple[int, ...]:
            return tuple(instead.get(number, number) for number in given)

        return replace(
            self,
            operators=tuple(replace(one, inputs=numbers(one.inputs)) for one in self.operators),
            outputs=numbers(self.outputs),
            states=tuple(replace(state, next=instead.get(state.next, state.next)) for state in self.states),
        )


@dataclass(frozen=True)
class Model:
    """The main graph of a .tflite, and the other graphs, which CALL_ONCE may name."""

    main: Graph
    others: tuple[Graph, ...]


def read_model(data: bytes) -> Model:
    """Parse a .tflite. Raises ModelError for a file that is damaged, inconsistent, or larger than the limits above."""
    table = root(data, b"TFL3")
    buffers = table.tables(4)
    codes = [_operator_kind(code) for code in table.tables(1)]
    graphs = [_read_graph(number, graph, buffers, codes) for number, graph in enumerate(table.tables(2))]
    if not graphs:
        raise ModelError("the .tflite has no graph")
    return Model(_with_signature_names(graphs[0], table.tables(7)), tuple(graphs[1:]))


def _operator_kind(code: Table) -> str:
    return operator_name(max(code.integer(3, "i"), code.integer(0, "b")), code.text(1))


def _read_graph(number: int, table: Table, buffers: list[Table], codes: list[str]) -> Graph:
    tables, nodes = table.tables(0), table.tables(3)
    if len(nodes) > LARGEST_COUNT or len(tables) > LARGEST_COUNT + LARGEST_CONSTANTS:
        raise ModelError(
            f"graph {number} has {len(nodes)} operators and {len(tables)} tensors; the limits are {LARGEST_COUNT} and "
            f"{LARGEST_COUNT + LARGEST_CONSTANTS}"
        )
    tensors = tuple(_read_tensor(index, tensor, buffers) for index, tensor in enumerate(tables))
    computed = sum(tensor.data is None for tensor in tensors)
    if computed > LARGEST_COUNT:
        raise ModelError(f"graph {number} has {computed} tensors that are no constants; the limit is {LARGEST_COUNT}")
    operators = tuple(_read_operator(index, node, codes, len(tensors)) for index, node in enumerate(nodes))
    inputs, outputs = _numbers(table, 1, len(tensors)), _numbers(table, 2, len(tensors))
    graph = Graph(
        tensors,
        operators,
        inputs,
        outputs,
        tuple(tensors[i].name for i in inputs),
        tuple(tensors[i].name for i in outputs),
    )
    check_order(graph)
    return graph


def _numbers(table: Table, field_number: int, count: int, absent: bool = False) -> tuple[int, ...]:
    numbers = tuple(int(number) for number in table.array(field_number, "i"))
    for number in numbers:
        if not (-1 if absent else 0) <= number < count:
            raise ModelError(f"tensor {number} is named, but the graph has {count} tensors")
    return numbers


def _read_operator(index: int, node: Table, codes: list[str], tensors: int) -> Operator:
    code = node.integer(0, "I")
    if code >= len(codes):
        raise ModelError(f"operator {index} has code {code}, but the file lists {len(codes)}")
    inputs, outputs = _numbers(node, 1, tensors, absent=True), _numbers(node, 2, tensors)
    return Operator(
        codes[code], inputs, outputs, _read_options(index, node, codes[code]), index, _numbers(node, 8, tensors)
    )


def _read_options(index: int, node: Table, kind: str) -> Table | None:
    """Return the table of an operator's attributes, None when the file has none: then each has its default."""
    options, number = node.table(4), node.integer(3, "B")
    found = OPTIONS_TYPES[number] if number < len(OPTIONS_TYPES) else f"number {number}"
    wanted = options_type(kind)
    if found != wanted and not (found == "NONE" and options is None):
        raise ModelError(f"operator {index} ({kind}) has options of type {found}; the schema gives it {wanted}")
    return options


def _read_tensor(index: int, table: Table, buffers: list[Table]) -> Tensor:
    name = table.text(3)[:LONGEST_NAME] or f"tensor_{index}"
    number = table.integer(1, "b")
    if not 0 <= number < len(DTYPES):
        raise ModelError(f"tensor {index} ({name}) has type number {number}; the schema names {len(DTYPES)}")
    dtype = DTYPES[number]
    shape = tuple(int(size) for size in table.array(0, "i"))
    if len(shape) > RANKS:
        raise ModelError(f"tensor {index} ({name}) has {len(shape)} axes; supported: up to {RANKS}")
    if min(shape, default=0) < 0 or prod(shape) > LARGEST_TENSOR:
        raise ModelError(
            f"tensor {index} ({name}) has shape {list(shape)}; supported: fixed sizes, "
            f"together at most {LARGEST_TENSOR}"
        )
    if table.table(6) is not None:
        raise ModelError(
            f"tensor {index} ({name}) is sparse; supported: dense tensors, which the converter writes without "
            "tf.lite.Optimize.EXPERIMENTAL_SPARSITY"
        )
    data = _read_data(index, name, table, buffers, shape, dtype)
    all_zero = data is not None and not data.any()
    quantization = _read_quantization(f"tensor {index} ({name})", table.table(4), shape, dtype, all_zero)
    return Tensor(name, shape, dtype, quantization, data, bool(table.integer(5, "?")))


def _read_data(
    index: int, name: str, table: Table, buffers: list[Table], shape: tuple[int, ...], dtype: str
) -> np.ndarray | None:
    number = table.integer(2, "I")
    if number >= len(buffers):
        raise ModelError(f"tensor {index} ({name}) has buffer {number}, but the file lists {len(buffers)}")
    raw = buffers[number].array(0, "B")
    if buffers[number].integer(1, "Q") > 1:
        raise ModelError(f"tensor {index} ({name}) keeps its data outside of the flatbuffer, which is not supported")
    if dtype in READ and prod(shape) == 0:
        return np.zeros(shape, dtype)
    if not raw.size or dtype not in READ:
        return raw if raw.size and dtype != "resource" else None
    kind = np.dtype(dtype).newbyteorder("<")
    if raw.size != prod(shape) * kind.itemsize:
        raise ModelError(f"tensor {index} ({name}) has shape {list(shape)} of {dtype}, but {raw.size} bytes of data")
    return raw.view(kind).reshape(shape).astype(dtype)


def _read_quantization(
    what: str, table: Table | None, shape: tuple[int, ...], dtype: str, all_zero: bool
) -> Quantization | None:
    """Return what the file states, None where it states none; all_zero: whether it is of a constant of zeros only."""
    scales = table.array(2, "f") if table else np.zeros(0, np.float32)
    if table is None or not scales.size or dtype not in ("int8", "uint8", "int16", "int32"):
        return None
    zero_points = table.array(3, "q")
    if dtype == "int32" and not (scales.size == 1 and isfinite(scales[0]) and scales[0] > 0 and not zero_points.any()):
        return None  # only an output of QUANTIZE needs it; the scales of a bias follow from those of its operator
    axis = table.integer(6, "i")
    if zero_points.size not in (scales.size, 1):
        raise ModelError(f"{what} has {scales.size} scales but {zero_points.size} zero points")
    zero_points = np.broadcast_to(zero_points, scales.shape)
    if scales.size > 1 and not (0 <= axis < len(shape) and shape[axis] == scales.size):
        raise ModelError(f"{what} has {scales.size} scales along axis {axis}, but shape {list(shape)}")
    if all_zero and scales.tolist() == [0.0] and not zero_points.any():
        scales = np.full(1, SCALE_OF_ZEROS)
    if not all(isfinite(scale) and scale > 0 for scale in scales.tolist()):
        raise ModelError(f"{what} has the scale {scales.min()}; a scale is finite and above 0")
    limits = np.iinfo(dtype)
    if zero_points.min() < limits.min or zero_points.max() > limits.max:
        raise ModelError(f"{what} has zero points from {zero_points.min()} to {zero_points.max()}, outside of {dtype}")
    return Quantization(scales, zero_points, axis)


def check_order(graph: Graph) -> None:
    """Check that each tensor gets one value: as an input, as a constant, or from an operator before it is read.

    Raises ModelError where one does not.
    """
    for number in graph.inputs:
        tensor, twice = graph.tensors[number], graph.inputs.count(number) > 1
        if twice or (tensor.data is not None and tensor.count):
            found = "an input twice" if twice else "an input and a constant"
            raise ModelError(f"tensor {number} ({tensor.name}) is {found}; supported: either, once")
    known = {*graph.inputs, *(state.current for state in graph.states)}
    known |= {i for i, t in enumerate(graph.tensors) if t.variable or t.data is not None}
    for operator in graph.operators:
        for number in operator.inputs:
            # What a custom operator reads may be memory that only its runtime knows; no custom operator is compiled.
            if number >= 0 and number not in known and not operator.is_custom:
                raise ModelError(
                    f"operator {operator.number} ({operator.kind}) reads tensor {number} before it is written"
                )
        for number in operator.outputs:
            if number in known and graph.tensors[number].count:  # Node.expect_values refuses empty tensors
                raise ModelError(
                    f"operator {operator.number} ({operator.kind}) writes tensor {number}, which has a value already"
                )
            known.add(number)
    for number in graph.outputs:
        if number not in known:
            raise ModelError(f"output tensor {number} ({graph.tensors[number].name}) is never written")


def _with_signature_names(graph: Graph, signatures: list[Table]) -> Graph:
    """Return the graph with the names of its first signature for inputs and outputs, where there is one."""
    for signature in signatures:
        if signature.integer(4, "I") == 0:
            names = [{entry.integer(1, "I"): entry.text(0) for entry in signature.tables(side)} for side in (0, 1)]
            return replace(
                graph,
                input_names=tuple(names[0].get(i, graph.tensors[i].name) for i in graph.inputs),
                output_names=tuple(names[1].get(i, graph.tensors[i].name) for i in graph.outputs),
                signed=True,
            )
    return graph
