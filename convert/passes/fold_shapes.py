"""Give every tensor the shape that follows from the inputs, and compute what computes shapes.

A model that was exported without a batch size computes shapes in each inference: SHAPE, STRIDED_SLICE, PACK, and what
stands between them and a RESHAPE. The shapes in such a file are placeholders, [1, 1] for whatever has two axes. LiteRT
infers them when it starts, whatever the file states, and so does this pass.
"""

from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from stapes.convert.lower.layers import SUPPORTED, layer
from stapes.convert.lower.node import Node
from stapes.convert.lower.refusals import RefusedOperatorError
from stapes.convert.passes.constant_values import Shapes, constant_values
from stapes.convert.passes.lift_states import named_pairs
from stapes.firmware_sim.errors import ConfigError, ModelError
from stapes.firmware_sim.tflite.graph import LARGEST_TENSOR, RANKS, Graph, Operator, check_order

_ELEMENTWISE = ("QUANTIZE", "DEQUANTIZE")  # also from and to float32, which their files do not lower
LARGEST_BATCH = 1 << 15


def with_batch(graph: Graph, batch: int) -> Graph:
    """Return the graph with this size of the first axis of every input that is no state.

    Raises ConfigError for a size outside of 1 to LARGEST_BATCH, ModelError where the file has another size than 1.
    """
    if not 1 <= batch <= LARGEST_BATCH:
        raise ConfigError(f"a batch of {batch}; give 1 to {LARGEST_BATCH}")
    tensors = list(graph.tensors)
    states = {taken for taken, _ in named_pairs(graph).values()}
    for position, number in enumerate(graph.inputs):
        shape = tensors[number].shape
        if position in states:
            continue
        if not shape or shape[0] != 1:
            raise ModelError(
                f"input {graph.input_names[position]} has shape {list(shape)}; a batch can be chosen for models "
                "whose inputs have a first axis of size 1"
            )
        tensors[number] = replace(tensors[number], shape=(batch, *shape[1:]))
    return replace(graph, tensors=tuple(tensors))


def fold_shapes(graph: Graph) -> Graph:
    """Return the graph with inferred shapes, and with constants in place of the operators that compute shapes.

    A tensor whose operator is not supported, or not in this form, keeps the shape that the file states: lowering
    refuses that operator. Raises ModelError for shapes that are too large, and for a state whose next value has another
    shape.
    """
    kept: list[Operator] = []
    computed = 0
    for operator in graph.operators:
        node = _Inference(graph, operator, "", (), _options(operator))
        node.infer()
        values = constant_values(node, node.shapes)
        computed += sum(each.size for each in values or ())
        if computed > LARGEST_TENSOR:
            raise ModelError(f"the shapes of the model are computed from more than {LARGEST_TENSOR} numbers")
        if values is None:
            kept.append(operator)
        elif any(graph.tensors[number].data is not None and graph.tensors[number].count for number in operator.outputs):
            raise ModelError(f"operator {operator.number} ({operator.kind}) computes a shape that has a value already")
        graph = _with_outputs(graph, operator, node.shapes, values)
    for state in graph.states:
        current, following = graph.tensors[state.current], graph.tensors[state.next]
        if current.shape != following.shape:
            raise ModelError(
                f"state {state.name} has shape {list(current.shape)}, its next value {list(following.shape)}; "
                "supported: states whose shape stays as it is"
            )
    graph = replace(graph, operators=tuple(kept))
    check_order(graph)  # once more: only now it is known which tensors are empty, and may be written more than once
    return graph


def _options(operator: Operator) -> dict[str, float]:
    options = getattr(layer(operator.kind), "OPTIONS", {}) if operator.kind in SUPPORTED else {}
    return {name: option.read(operator.options) for name, option in options.items()}


class _ShapesKnownError(Exception):
    """The shapes of all outputs are known, so that the rest of lowering is not needed."""


@dataclass(frozen=True)
class _Inference(Node):
    """A node whose file is run up to the point at which the shapes of the outputs are known."""

    shapes: Shapes = field(default_factory=dict)

    def infer(self) -> None:
        """Fill `shapes`, as far as the inputs tell."""
        if self.operator.kind in _ELEMENTWISE and len(self.operator.inputs) == 1 == len(self.operator.outputs):
            self.shapes[0] = self.tensor(0).shape
        elif self.operator.kind in SUPPORTED:
            try:
                self.expect_values(outputs=False)
                with np.errstate(all="ignore"):
                    layer(self.operator.kind).lower(self)
            except (_ShapesKnownError, RefusedOperatorError):
                pass

    def expect_shape(self, shape: tuple[int, ...], position: int = 0) -> None:
        """Note the shape of an output."""
        self.shapes[position] = shape
        if len(self.shapes) == len(self.operator.outputs):
            raise _ShapesKnownError


def _with_outputs(graph: Graph, operator: Operator, shapes: Shapes, values: list[np.ndarray] | None) -> Graph:
    tensors = list(graph.tensors)
    for position, number in enumerate(operator.outputs):
        if values is not None:
            tensors[number] = replace(tensors[number], shape=values[position].shape, data=values[position])
        elif position in shapes:
            shape = shapes[position]
            if len(shape) > RANKS or prod(shape) > LARGEST_TENSOR:
                raise ModelError(
                    f"operator {operator.number} ({operator.kind}) gives tensor {number} ({tensors[number].name}) the "
                    f"shape {list(shape)}; supported: {RANKS} axes, together at most {LARGEST_TENSOR}"
                )
            # A file may call the tensor empty, which is read as a constant without values.
            tensors[number] = replace(tensors[number], shape=shape, data=None)
    return replace(graph, tensors=tuple(tensors))
