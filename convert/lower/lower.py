"""Lower a graph to operations: the file of each operator in layers/ checks it and returns what it becomes."""

from typing import NoReturn

import numpy as np

from stapes.convert.lower.layers import ON_SHAPES, SUPPORTED, layer
from stapes.convert.lower.names import NameMaker, c_name, layer_part, module_globals
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Move, Operation, in_bytes
from stapes.convert.lower.packing import Layout
from stapes.convert.lower.refusals import Refusal, RefusedOperatorError, refused
from stapes.firmware_sim.tflite.graph import Graph, Operator


def lower(graph: Graph, module: str, layouts: tuple[Layout, ...]) -> list[Operation]:
    """Return the operations of a graph that becomes the C module of that name.

    Raises ModelError, which names all operators that are not supported, or not in this form.
    """
    names = NameMaker([*argument_names(graph), *module_globals(module)])
    operations: list[Operation] = []
    refusals: list[Refusal] = []
    for operator in graph.operators:
        wish, kind = _layer_part(graph, operator), c_name(operator.kind.removeprefix("UNIDIRECTIONAL_SEQUENCE_"))
        name = names.make(wish, kind, kind)
        try:
            operations += _lower_operator(graph, operator, name, layouts)
        except RefusedOperatorError as error:
            refusals.append(error.refusal)
    if refusals:
        raise refused(graph, refusals)
    return operations


def _lower_operator(graph: Graph, operator: Operator, name: str, layouts: tuple[Layout, ...]) -> list[Operation]:
    if operator.kind not in SUPPORTED:
        _refuse_kind(Node(graph, operator, name, layouts, {}))
    file = layer(operator.kind)
    options = {key: option.read(operator.options) for key, option in getattr(file, "OPTIONS", {}).items()}
    node = Node(graph, operator, name, layouts, options)
    node.expect_values()
    if operator.kind != "MUL":  # LiteRT multiplies by a constant with the scale 0
        node.expect_scales()
    # Scales that no model has overflow float32. The files check each result, so NumPy need not warn as well.
    with np.errstate(all="ignore"):
        operations: list[Operation] = file.lower(node)
    return [_in_bytes(graph, operation) for operation in operations]


def _in_bytes(graph: Graph, operation: Operation) -> Operation:
    width = graph.tensors[operation.source.tensor].width if isinstance(operation, Move) else 1
    return in_bytes(operation, width) if isinstance(operation, Move) and width > 1 else operation


def _refuse_kind(node: Node) -> NoReturn:
    """Refuse an operator that has no file in layers/; some are computed on shapes, but not on what a model is given."""
    operator = node.operator
    made = node.output() if operator.outputs else None
    if operator.kind in ON_SHAPES and made and (operator.kind == "FILL" or made.dtype in ("int32", "int64", "bool")):
        what = f"the shape of {made.name} depends on" if operator.kind == "FILL" else f"computes {made.dtype} from"
        found = f"{what} the values of {node.origin(operator.outputs[0])}"
        node.refuse(found, "shapes and sizes that are constant, or follow from the shapes of the inputs")
    node.refuse("not supported; `stapes compile --help` names what is", "")


def argument_names(graph: Graph) -> list[str]:
    """Return the C names of the inputs, then those of the outputs."""
    names = NameMaker()
    wishes = [("input", name) for name in graph.input_names] + [("output", name) for name in graph.output_names]
    return [names.make(name.split(":")[0].split("/")[-1], side) for side, name in wishes]


def _layer_part(graph: Graph, operator: Operator) -> str:
    return layer_part(graph.tensors[operator.outputs[0]].name) if operator.outputs else ""
