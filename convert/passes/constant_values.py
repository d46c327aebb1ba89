"""Compute operators on int32, int64 and bool constants, which a converter leaves to compute shapes in every inference.

Integers are exact: a result outside of its type is not computed. FILL also makes int8 constants: the zeros with which
an unrolled recurrent layer starts.
"""

import operator as python
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from stapes.convert.lower.layers.strided_slice import indices
from stapes.convert.lower.node import Node
from stapes.firmware_sim.errors import ModelError
from stapes.firmware_sim.tflite.flatbuffer import Scalar
from stapes.firmware_sim.tflite.graph import LARGEST_TENSOR, Tensor
from stapes.firmware_sim.tflite.schema import DTYPES, Option

LARGEST_OPERAND = 4096  # elements; shapes and sizes have a few
_INTEGERS = ("int32", "int64", "bool")
Shapes = dict[int, tuple[int, ...]]  # number of an output -> its shape


def constant_values(node: Node, shapes: Shapes) -> list[np.ndarray] | None:
    """Return the outputs of an operator that is constant, or reads only shapes; None for others.

    shapes: those of its outputs, as far as they are known from the inputs.
    """
    kind, outputs = node.operator.kind, [node.output(i) for i in range(len(node.operator.outputs))]
    if kind not in FUNCTIONS or not outputs or not node.operator.inputs or min(node.operator.inputs) < 0:
        return None
    tensors = [node.graph.tensors[number] for number in node.operator.inputs]
    if kind not in ("SHAPE", "RANK") and not all(_is_operand(one, kind) for one in tensors):
        return None
    if any(one.dtype not in _types(kind) for one in outputs):
        return None
    if kind == "FILL" and not node.same_scale(tensors[-1], outputs[0]):
        return None
    values = [None if one.data is None else one.data.astype(object) for one in tensors]
    try:
        made = FUNCTIONS[kind](_Given(node, values, shapes))
        return _typed(made if isinstance(made, list) else [made], outputs)
    except (ValueError, IndexError, TypeError, OverflowError, ZeroDivisionError, KeyError, ModelError):
        return None  # the operator stays, and lowering says what is wrong with it


def _types(kind: str) -> tuple[str, ...]:
    return (*_INTEGERS, "int8") if kind == "FILL" else _INTEGERS


def _is_operand(tensor: Tensor, kind: str) -> bool:
    return tensor.data is not None and tensor.dtype in _types(kind) and tensor.count <= LARGEST_OPERAND


def _typed(made: list[Any], outputs: list[Tensor]) -> list[np.ndarray] | None:
    """Return results in the types that the file gives them; None where one does not fit into its type."""
    if len(made) != len(outputs):
        return None
    typed = [np.asarray(values).astype(one.dtype) for values, one in zip(made, outputs, strict=True)]
    return typed if all(np.array_equal(a, b) for a, b in zip(typed, made, strict=True)) else None


@dataclass(frozen=True)
class _Given:
    """What a function reads: the operator, its inputs as arrays of Python's integers, the shapes of its outputs."""

    node: Node
    inputs: list[Any]
    shapes: Shapes

    def option(self, field: int, kind: Scalar = "i") -> int:
        """Return an attribute by its number in the operator's table of options; its default is 0."""
        return int(Option(field, kind).read(self.node.operator.options))

    def integers(self, position: int) -> tuple[int, ...]:
        """Return the elements of an input."""
        return tuple(map(int, self.inputs[position].reshape(-1)))


def _bounded(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape; raises ValueError for one that no tensor may have."""
    if min(shape, default=0) < 0 or prod(shape) > LARGEST_TENSOR:
        raise ValueError(shape)
    return shape


_Function = Callable[[_Given], Any]


def _elementwise(function: Callable[..., Any], activation: bool = False) -> _Function:
    """Return a function of all inputs, with broadcasting; activation: whether the options begin with one."""

    def compute(given: _Given) -> Any:
        if activation and given.option(0, "b"):
            raise ValueError("a fused activation")
        _bounded(np.broadcast_shapes(*(each.shape for each in given.inputs)))
        return function(*given.inputs)

    return compute


def _reduction(function: np.ufunc) -> _Function:
    return lambda given: function.reduce(given.inputs[0], given.integers(1), keepdims=bool(given.option(0, "?")))


def _quotient(a: Any, b: Any) -> Any:
    """Return a / b without its fraction, as C divides."""
    return np.abs(a) // np.abs(b) * np.sign(a) * np.sign(b)


def _shape(given: _Given) -> Any:
    if DTYPES[given.option(0, "b")] != given.node.output().dtype:
        raise ValueError("another type than the attribute has")
    return np.array(given.node.tensor(0).shape, object)


def _gather(given: _Given) -> Any:
    values, positions = given.inputs
    if given.option(1) or min(given.integers(1), default=0) < 0:
        raise ValueError("positions per batch, or below 0")
    return np.take(values, positions.astype(np.int64), given.option(0))


def _slice(given: _Given) -> Any:
    begin, sizes = given.integers(1), given.integers(2)
    box = tuple(slice(b, None if n == -1 else b + n) for b, n in zip(begin, sizes, strict=True))
    cut = given.inputs[0][box]
    if min(begin, default=0) < 0 or any(n not in (-1, found) for n, found in zip(sizes, cut.shape, strict=True)):
        raise ValueError("a box outside of the tensor")
    return cut


def _unpack(given: _Given) -> list[Any]:
    return list(np.moveaxis(given.inputs[0], given.option(1), 0))


def _split(given: _Given) -> list[Any]:
    (axis,) = given.integers(0)
    return np.split(given.inputs[1], len(given.node.operator.outputs), axis)


def _range(given: _Given) -> Any:
    numbers = range(*(given.integers(position)[0] for position in range(3)))
    _bounded((len(numbers),))
    return np.array(numbers, object)


def _tile(given: _Given) -> Any:
    _bounded((given.inputs[0].size, *given.integers(1)))
    return np.tile(given.inputs[0], given.integers(1))


def _reshaped(given: _Given) -> Any:
    return given.inputs[0].reshape(given.shapes[0])


# kind -> function of the inputs that returns the output, or a list of outputs; raises for what it cannot compute.
FUNCTIONS: dict[str, _Function] = {
    "SHAPE": _shape,
    "RANK": lambda given: np.array(len(given.node.tensor(0).shape), object),
    "ADD": _elementwise(python.add, activation=True),
    "SUB": _elementwise(python.sub, activation=True),
    "MUL": _elementwise(python.mul, activation=True),
    "DIV": _elementwise(_quotient, activation=True),
    "FLOOR_DIV": _elementwise(python.floordiv),
    "FLOOR_MOD": _elementwise(python.mod),
    "MAXIMUM": _elementwise(np.maximum),
    "MINIMUM": _elementwise(np.minimum),
    "NEG": _elementwise(python.neg),
    "ABS": _elementwise(np.abs),
    "CAST": _elementwise(lambda a: a),
    "EQUAL": _elementwise(python.eq),
    "NOT_EQUAL": _elementwise(python.ne),
    "LESS": _elementwise(python.lt),
    "LESS_EQUAL": _elementwise(python.le),
    "GREATER": _elementwise(python.gt),
    "GREATER_EQUAL": _elementwise(python.ge),
    "LOGICAL_AND": _elementwise(python.and_),
    "LOGICAL_OR": _elementwise(python.or_),
    "LOGICAL_NOT": _elementwise(np.logical_not),
    "SELECT_V2": _elementwise(np.where),
    "SUM": _reduction(np.add),
    "REDUCE_PROD": _reduction(np.multiply),
    "REDUCE_MAX": _reduction(np.maximum),
    "REDUCE_MIN": _reduction(np.minimum),
    "REDUCE_ALL": _reduction(np.logical_and),
    "REDUCE_ANY": _reduction(np.logical_or),
    "PACK": lambda given: np.stack(given.inputs, given.option(1)),
    "UNPACK": _unpack,
    "CONCATENATION": lambda given: np.concatenate(given.inputs, given.option(0)),
    "SPLIT": _split,
    "GATHER": _gather,
    "SLICE": _slice,
    "STRIDED_SLICE": lambda given: given.inputs[0][tuple(indices(given.node, given.inputs[0].ndim))],
    "TRANSPOSE": lambda given: np.transpose(given.inputs[0], given.integers(1)),
    "RESHAPE": _reshaped,
    "SQUEEZE": _reshaped,
    "EXPAND_DIMS": _reshaped,
    "TILE": _tile,
    "RANGE": _range,
    "FILL": lambda given: np.full(_bounded(given.integers(0)), given.inputs[1].item()),
    "ZEROS_LIKE": lambda given: np.zeros_like(given.inputs[0]),
    "BROADCAST_TO": lambda given: np.broadcast_to(given.inputs[0], _bounded(given.integers(1))),
    "BROADCAST_ARGS": lambda given: np.array(np.broadcast_shapes(given.integers(0), given.integers(1)), object),
}
