"""Let convolutions without padding of their own take over the PAD before them.

A streaming convolution cannot be padded along time, where its state stands in, so that TensorFlow writes a PAD along
frequency and a convolution with padding VALID. The kernels pad without a copy: the borders of PAD hold the zero point
of its output, which is what the taps outside of a convolution's input are, too.
"""

from dataclasses import replace

import numpy as np

from stapes.firmware_sim.tflite.graph import Graph, Operator
from stapes.firmware_sim.tflite.schema import VALID, Option

_PADDING = Option(0, "b")
_STRIDES = Option(2, "i"), Option(1, "i")  # along rows, along columns
_DILATION = {
    "CONV_2D": (Option(5, "i", 1), Option(4, "i", 1)),
    "DEPTHWISE_CONV_2D": (Option(6, "i", 1), Option(5, "i", 1)),
}
CONVOLUTIONS = tuple(_DILATION)
Borders = tuple[tuple[int, int], tuple[int, int]]  # before and after the rows, before and after the columns


def absorb_padding(graph: Graph) -> Graph:
    """Return the graph without each PAD whose output is read by convolutions alone that can pad in its place."""
    kept = {*graph.outputs, *(state.next for state in graph.states)}
    operators = list(graph.operators)
    for pad in graph.operators:
        borders = _borders(graph, pad)
        if borders is None or pad.outputs[0] in kept:
            continue
        readers = [i for i, operator in enumerate(operators) if pad.outputs[0] in operator.inputs]
        if readers and all(_reads_once(operators[i], pad.outputs[0]) for i in readers):
            sums = [_sum(operators[i].borders, borders) for i in readers]
            if not all(can_pad(graph, operators[i], both) for i, both in zip(readers, sums, strict=True)):
                continue
            for i, both in zip(readers, sums, strict=True):
                inputs = (pad.inputs[0], *operators[i].inputs[1:])
                operators[i] = replace(operators[i], inputs=inputs, borders=both)
            operators.remove(pad)
    return replace(graph, operators=tuple(operators))


def _borders(graph: Graph, pad: Operator) -> Borders | None:
    """Return the borders of a PAD of rows and columns; None for other operators, and for what lowering must refuse."""
    if pad.kind != "PAD" or len(pad.inputs) != 2 or len(pad.outputs) != 1 or min(pad.inputs) < 0:
        return None
    given, borders, output = (graph.tensors[number] for number in (*pad.inputs, pad.outputs[0]))
    if borders.data is None or borders.dtype not in ("int32", "int64") or len(given.shape) != 4:
        return None
    pairs = borders.data.reshape(-1, 2).astype(int) if borders.data.size == 8 else np.full((4, 2), -1)
    sizes = tuple(int(sum(pair)) + size for pair, size in zip(pairs, given.shape, strict=True))
    if pairs.min() < 0 or pairs[[0, 3]].any() or sizes != output.shape or not given.count:
        return None
    a, b = given.quantization, output.quantization
    if given.dtype != "int8" or output.dtype != "int8" or a is None or b is None:
        return None
    if not (np.array_equal(a.scales, b.scales) and np.array_equal(a.zero_points, b.zero_points)):
        return None
    (top, bottom), (left, right) = pairs[1].tolist(), pairs[2].tolist()
    return (top, bottom), (left, right)


def _sum(a: Borders, b: Borders) -> Borders:
    (top, bottom), (left, right) = ((x[0] + y[0], x[1] + y[1]) for x, y in zip(a, b, strict=True))
    return (top, bottom), (left, right)


def _reads_once(operator: Operator, padded: int) -> bool:
    return operator.inputs.count(padded) == 1 and operator.inputs[0] == padded


def can_pad(graph: Graph, operator: Operator, borders: Borders) -> bool:
    """Whether an operator is a convolution without padding, each of whose windows meets an input with these borders."""
    if operator.kind not in CONVOLUTIONS or len(operator.inputs) < 2 or operator.inputs[1] < 0:
        return False
    shape = graph.tensors[operator.inputs[1]].shape
    if len(shape) != 4 or _PADDING.read(operator.options) != VALID:
        return False
    steps = zip(_dilations(operator), operator.dilations, shape[1:3], strict=True)
    reaches = [(kernel - 1) * own * taken_over + 1 for own, taken_over, kernel in steps]
    return all(max(border) < reach for border, reach in zip(borders, reaches, strict=True))


def has_unit_steps(convolution: Operator) -> bool:
    """Whether neighbouring taps and neighbouring outputs of a convolution are one position apart."""
    strides = [int(option.read(convolution.options)) for option in _STRIDES]
    return {*strides, *_dilations(convolution), *convolution.dilations} == {1}


def _dilations(convolution: Operator) -> list[int]:
    return [int(option.read(convolution.options)) for option in _DILATION[convolution.kind]]
