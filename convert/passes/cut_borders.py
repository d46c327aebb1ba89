"""Let the model take and give quantized values where the file has float32 at its border.

Quantization after training leaves float32 inputs that a QUANTIZE reads, and float32 outputs that a DEQUANTIZE writes.
The quantized tensor behind such an operator becomes the input or the output, under the name of the float32 one.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stapes.convert.passes.lift_states import alike, named_pairs
from stapes.convert.passes.prune import prune
from stapes.firmware_sim.errors import ModelError
from stapes.firmware_sim.tflite.graph import Graph, Operator, Tensor

_QUANTIZED = ("int8", "uint8", "int16")


def cut_borders(graph: Graph, float_interface: bool = False) -> Graph:
    """Return the graph without the QUANTIZE behind float32 inputs and the DEQUANTIZE in front of float32 outputs.

    float_interface: only states lose them, those that are given with the scale with which they are taken. A float32
    tensor that any other operator reads or writes stays, and so does one that is input and output at once.
    Raises ModelError where the values on both sides of a cut would not be the same: an input that is quantized with
    several scales, or a state that is given with another scale than it is taken with.
    """
    taken, given = _quantized_inputs(graph), _quantized_outputs(graph)
    pairs = {name: pair for name, pair in named_pairs(graph).items() if pair[0] in taken and pair[1] in given}
    if float_interface:
        equal = {p: g for p, g in pairs.values() if _differing(graph, [*taken[p], given[g]]) is None}
        taken = {position: taken[position] for position in equal}
        given = {position: given[position] for position in equal.values()}
    for position, codes in taken.items():
        if (other := _differing(graph, codes)) is not None:
            raise ModelError(
                f"input {graph.input_names[position]} is float32 and quantized as {_described(graph, codes[0])} and "
                f"{_described(graph, other)}; supported: inputs that are quantized with one scale and zero point, or "
                "--float-interface, which leaves them float32"
            )
    for name, (before, after) in pairs.items():
        if before in taken and _differing(graph, [taken[before][0], given[after]]) is not None:
            raise ModelError(
                f"state {name} is float32 and goes in as {_described(graph, taken[before][0])}, but comes out as "
                f"{_described(graph, given[after])}; supported: the same on both sides, or --float-interface, which "
                "leaves it a float32 input and output"
            )
    return prune(_cut(graph, taken, given))


def _quantized_inputs(graph: Graph) -> dict[int, list[int]]:
    """Return, by the positions of float32 inputs that QUANTIZE alone reads, the results of QUANTIZE."""
    found = {}
    for position, number in enumerate(graph.inputs):
        readers = [operator for operator in graph.operators if number in operator.inputs]
        if (
            readers
            and number not in graph.outputs
            and all(is_border(graph.tensors, one, "QUANTIZE") for one in readers)
        ):
            found[position] = [operator.outputs[0] for operator in readers]
    return found


def _quantized_outputs(graph: Graph) -> dict[int, int]:
    """Return, by the positions of outputs that a DEQUANTIZE writes, what it reads."""
    source = {one.outputs[0]: one.inputs[0] for one in graph.operators if is_border(graph.tensors, one, "DEQUANTIZE")}
    return {position: source[number] for position, number in enumerate(graph.outputs) if number in source}


def _cut(graph: Graph, taken: dict[int, list[int]], given: dict[int, int]) -> Graph:
    """Return the graph with these inputs and outputs. Operators that nothing needs any more remain."""
    instead = {other: codes[0] for codes in taken.values() for other in codes[1:]}
    made = {number for codes in taken.values() for number in codes}

    cut = replace(
        graph,
        operators=tuple(one for one in graph.operators if made.isdisjoint(one.outputs)),
        inputs=tuple(taken[p][0] if p in taken else number for p, number in enumerate(graph.inputs)),
        outputs=tuple(given.get(position, number) for position, number in enumerate(graph.outputs)),
    )
    return cut.with_instead(instead)


def _differing(graph: Graph, numbers: list[int]) -> int | None:
    """Return the first of the tensors that is not of the shape, type, scale and zero point of the one in front."""
    first, *others = numbers
    return next((one for one in others if not alike(graph.tensors[first], graph.tensors[one])), None)


def is_border(tensors: Sequence[Tensor], operator: Operator, kind: str) -> bool:
    """Whether this is a QUANTIZE from float32, or a DEQUANTIZE to it, whose two tensors hold the same values."""
    if operator.kind != kind or len(operator.inputs) != 1 or len(operator.outputs) != 1 or operator.inputs[0] < 0:
        return False
    given, made = tensors[operator.inputs[0]], tensors[operator.outputs[0]]
    real, codes = (given, made) if kind == "QUANTIZE" else (made, given)
    return real.dtype == "float32" and real.shape == codes.shape and _has_finite_range(codes)


def _has_finite_range(tensor: Tensor) -> bool:
    """Whether a tensor has one scale, and a float32 of its own stands for every code."""
    if tensor.dtype not in _QUANTIZED or tensor.quantization is None or tensor.quantization.scales.size != 1:
        return False
    scale, limits = float(tensor.quantization.scales[0]), np.finfo(np.float32)
    codes = np.iinfo(tensor.dtype)
    return float(limits.tiny) <= scale <= float(limits.max) / (codes.max - codes.min)


def _described(graph: Graph, number: int) -> str:
    tensor = graph.tensors[number]
    assert tensor.quantization is not None
    scale, zero_point = tensor.quantization.scales[0], tensor.quantization.zero_points[0]
    return f"{tensor.dtype} {list(tensor.shape)} with scale {scale!s} and zero point {zero_point}"
