"""Make SPACE_TO_BATCH_ND, a convolution and BATCH_TO_SPACE_ND one convolution with dilation.

TensorFlow has dilated convolutions in this form only: with blocks of B positions, each batch holds every B-th position,
so that neighbours there are B positions apart. What the first operator pads with the zero point, less what the last one
crops, are borders of the convolution. Keras writes Conv1D over three axes, with an operator that adds and one that
removes an axis around the convolution.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from stapes.convert.passes.absorb_padding import CONVOLUTIONS, can_pad, has_unit_steps
from stapes.firmware_sim.tflite.graph import Graph, Operator, Tensor

_RESHAPES = ("RESHAPE", "EXPAND_DIMS", "SQUEEZE")


def dilate(graph: Graph) -> Graph:
    """Return the graph in which dilated convolutions are one operator each; what has another form stays as it is.

    The shapes of the graph are inferred ones.
    """
    reads = Counter(number for operator in graph.operators for number in operator.inputs)
    reads.update((*graph.outputs, *(state.next for state in graph.states)))
    readers = {number: operator for operator in graph.operators for number in operator.inputs[:1]}
    operators = list(graph.operators)
    for first in graph.operators:
        chain = list(_chain(first, reads, readers)) if first.kind == "SPACE_TO_BATCH_ND" else []
        found = _dilated(graph, chain)
        if found is not None:
            graph, made = _written(graph, found)
            at = operators.index(chain[-1])
            operators[at : at + 1] = made
            operators = [one for one in operators if one not in chain]
    return replace(graph, operators=tuple(operators))


def _chain(first: Operator, reads: Counter[int], readers: dict[int, Operator]) -> Iterator[Operator]:
    """Yield an operator and those that follow it, up to a BATCH_TO_SPACE_ND, as long as nothing else reads between."""
    operator: Operator | None = first
    while operator is not None:
        yield operator
        if operator.kind == "BATCH_TO_SPACE_ND" or len(operator.outputs) != 1 or reads[operator.outputs[0]] != 1:
            return
        operator = readers.get(operator.outputs[0])


@dataclass(frozen=True)
class _Dilated:
    """A convolution that reads tensor `given` and writes tensor `made`."""

    convolution: Operator  # with its dilations and borders
    given: int
    made: int
    added_axis: int | None  # an axis of the convolution that both tensors do not have; None: they have all


def _dilated(graph: Graph, chain: list[Operator]) -> _Dilated | None:
    """Return what a chain of operators is; None where that is no dilated convolution, or cannot be shown to be one."""
    inner = [one for one in chain if one.kind not in _RESHAPES]
    if [one.kind in CONVOLUTIONS for one in inner] != [False, True, False] or chain[-1].kind != "BATCH_TO_SPACE_ND":
        return None
    first, convolution, last = inner
    if first.inputs[:1] == (-1,) or len(first.inputs) != 3 or len(last.inputs) != 3 or len(last.outputs) != 1:
        return None
    blocks, pads, crops = (_integers(graph, one, at) for one, at in ((first, 1), (first, 2), (last, 2)))
    x, dealt, taken = (graph.tensors[n] for n in (first.inputs[0], first.outputs[0], convolution.inputs[0]))
    given, gathered, y = (graph.tensors[n] for n in (convolution.outputs[0], last.inputs[0], last.outputs[0]))
    axes = [axis for axis in (None, 1, 2) if _is_added(axis, dealt, taken) and _is_added(axis, gathered, given)]
    if blocks != _integers(graph, last, 1) or len(pads) != len(crops) or not axes:
        return None
    if not _same_scale(x, dealt, taken) or not _same_scale(given, gathered, y) or not _divides(x, blocks, pads):
        return None
    borders = [before - cropped for before, cropped in zip(pads, crops, strict=True)]
    pairs = list(zip(borders[0::2], borders[1::2], strict=True))
    if axes[0] is not None:
        blocks.insert(axes[0] - 1, 1)
        pairs.insert(axes[0] - 1, (0, 0))
    if len(blocks) != 2 or min(borders) < 0 or not has_unit_steps(convolution):
        return None
    dilated = replace(convolution, dilations=(blocks[0], blocks[1]))
    if not can_pad(graph, dilated, (pairs[0], pairs[1])):
        return None
    return _Dilated(replace(dilated, borders=(pairs[0], pairs[1])), first.inputs[0], last.outputs[0], axes[0])


def _integers(graph: Graph, operator: Operator, position: int) -> list[int]:
    """Return the constant integers of an input, which lowering looks at, too; [] where there are none."""
    number = operator.inputs[position] if position < len(operator.inputs) else -1
    tensor = graph.tensors[number]
    constant = number >= 0 and tensor.data is not None and tensor.dtype in ("int32", "int64")
    return [int(value) for value in tensor.data.reshape(-1)] if constant and tensor.data is not None else []


def _is_added(axis: int | None, less: Tensor, more: Tensor) -> bool:
    """Whether `more` has the shape of `less` and this axis, of size 1, in addition; None: no axis."""
    added = less.shape if axis is None else (*less.shape[:axis], 1, *less.shape[axis:])
    return added == more.shape


def _same_scale(*tensors: Tensor) -> bool:
    """Whether all are int8 with the same scale and zero point."""
    scales = {None if one.quantization is None else (*one.quantization.scales.tolist(),) for one in tensors}
    zeros = {None if one.quantization is None else (*one.quantization.zero_points.tolist(),) for one in tensors}
    return {one.dtype for one in tensors} == {"int8"} and len(scales) == len(zeros) == 1 and None not in scales


def _divides(given: Tensor, blocks: list[int], pads: list[int]) -> bool:
    """Whether a padded tensor consists of whole blocks along the axes between the first and the last."""
    sizes = given.shape[1:-1]
    if not len(sizes) == len(blocks) == len(pads) // 2 or min((*blocks, 1)) < 1 or min((*pads, 0)) < 0:
        return False
    sides = zip(sizes, blocks, pads[0::2], pads[1::2], strict=True)
    return all((before + size + after) % block == 0 for size, block, before, after in sides)


def _written(graph: Graph, found: _Dilated) -> tuple[Graph, list[Operator]]:
    """Return the graph with the tensors that are new, and the operators in place of a chain."""
    convolution, axis = found.convolution, found.added_axis
    made = graph.tensors[convolution.outputs[0]]
    if axis is None:
        tensors = list(graph.tensors)
        tensors[found.made] = replace(tensors[found.made], name=made.name)  # by which the layer is named
        inputs = (found.given, *convolution.inputs[1:])
        return replace(graph, tensors=tuple(tensors)), [replace(convolution, inputs=inputs, outputs=(found.made,))]
    operators: list[Operator] = []

    def reshaped(graph: Graph, source: int, shape: tuple[int, ...], target: int) -> Graph:
        sizes = Tensor("shape", (len(shape),), "int32", data=np.array(shape, np.int32))
        graph, number = graph.with_tensor(sizes)
        operators.append(Operator("RESHAPE", (source, number), (target,), number=convolution.number))
        return graph

    x, y = graph.tensors[found.given], graph.tensors[found.made]
    wide = [(*one.shape[:axis], 1, *one.shape[axis:]) for one in (x, y)]
    graph, taken = graph.with_tensor(replace(x, shape=wide[0], data=None))
    graph, result = graph.with_tensor(replace(made, shape=wide[1]))
    graph = reshaped(graph, found.given, wide[0], taken)
    operators.append(replace(convolution, inputs=(taken, *convolution.inputs[1:]), outputs=(result,)))
    return reshaped(graph, result, y.shape, found.made), operators
