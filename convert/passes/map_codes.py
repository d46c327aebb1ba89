"""Quantize codes by a table where the file takes them to float32 and back, with functions of one value in between.

TensorFlow's quantizer leaves functions in float32 for which it knows no int8 kernel: DEQUANTIZE, ELU, QUANTIZE. Such a
QUANTIZE takes the codes, and the functions with them. A bool that is cast to float32 is a code, too.
"""

from dataclasses import replace

from stapes.convert.lower.real_functions import REAL_FUNCTIONS
from stapes.convert.passes.prune import prune
from stapes.firmware_sim.tflite.graph import Graph, Operator

_SOURCES = {"DEQUANTIZE": ("int8", "uint8"), "CAST": ("bool",)}  # what makes float32 of codes, and of which ones


def map_codes(graph: Graph) -> Graph:
    """Return the graph in which each QUANTIZE whose float32 follows from the codes of a tensor takes that tensor."""
    writers = {number: operator for operator in graph.operators for number in operator.outputs}
    return prune(replace(graph, operators=tuple(_mapped(graph, writers, operator) for operator in graph.operators)))


def _mapped(graph: Graph, writers: dict[int, Operator], operator: Operator) -> Operator:
    if operator.kind != "QUANTIZE" or not _maps_real(graph, operator, operator.inputs):
        return operator
    functions: list[str] = []
    writer = writers.get(operator.inputs[0])
    while writer is not None and writer.kind in REAL_FUNCTIONS and _maps_real(graph, writer, writer.inputs):
        functions.insert(0, writer.kind)
        writer = writers.get(writer.inputs[0])
    if writer is None or writer.kind not in _SOURCES or not _maps_real(graph, writer, writer.outputs):
        return operator
    if graph.tensors[writer.inputs[0]].dtype not in _SOURCES[writer.kind]:
        return operator
    return replace(operator, inputs=writer.inputs, by_way_of_real=tuple(functions))


def _maps_real(graph: Graph, operator: Operator, real: tuple[int, ...]) -> bool:
    """Whether an operator has one input and one output, of the same shape, and `real`, one of the two, is float32."""
    if not len(operator.inputs) == len(operator.outputs) == 1 or operator.inputs[0] < 0:
        return False
    same = graph.tensors[operator.inputs[0]].shape == graph.tensors[operator.outputs[0]].shape
    return same and graph.tensors[real[0]].dtype == "float32"
