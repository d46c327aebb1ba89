"""Let the model take and give quantized values where the file has float32 at its border.

Quantization after training leaves float32 inputs that a QUANTIZE reads, and float32 outputs that a DEQUANTIZE writes.
The quantized tensor behind such an operator becomes the input or the output, under the name of the float32 one.
"""

from dataclasses import replace

import numpy as np

from stapes.convert.passes.lift_states import alike, named_pairs
from stapes.convert.passes.prune import prune
from stapes.firmware_sim.errors import ModelError
from stapes.firmware_sim.tflite.graph import Graph, Operator, Tensor

_QUANTIZED = ("int8", "uint8", "int16")


def cut_borders(graph: Graph) -> Graph:
    """Return the graph without the QUANTIZE behind float32 inputs and the DEQUANTIZE in front of float32 outputs.

    A float32 tensor that any other operator reads or writes stays, and so does one that is input and output at once.
    Raises ModelError where the values on both sides of a cut would not be the same: an input that is quantized with
    several scales, or a state that is given with another scale than it is taken with.
    """
    cut = _cut_outputs(_cut_inputs(graph))
    for name, (taken, given) in named_pairs(graph).items():
        floats = graph.tensors[graph.inputs[taken]].dtype == graph.tensors[graph.outputs[given]].dtype == "float32"
        before, after = cut.tensors[cut.inputs[taken]], cut.tensors[cut.outputs[given]]
        if floats and "float32" not in (before.dtype, after.dtype) and not alike(before, after):
            raise ModelError(
                f"state {name} is float32 and goes in as {_described(before)}, but comes out as {_described(after)}; "
                "supported: states with the same shape, type, scale and zero point on both sides"
            )
    return prune(cut)


def _cut_inputs(graph: Graph) -> Graph:
    """Return the graph in which the results of QUANTIZE are the inputs."""
    inputs, removed = list(graph.inputs), []
    instead: dict[int, int] = {}  # the result of a second QUANTIZE of an input -> that of the first one
    for position, number in enumerate(graph.inputs):
        readers = [operator for operator in graph.operators if number in operator.inputs]
        if not readers or number in graph.outputs or not all(_is_border(graph, one, "QUANTIZE") for one in readers):
            continue
        first, *others = (operator.outputs[0] for operator in readers)
        for other in others:
            if not alike(graph.tensors[first], graph.tensors[other]):
                found = " and ".join(_described(graph.tensors[each]) for each in (first, other))
                raise ModelError(
                    f"input {graph.input_names[position]} is float32 and quantized as {found}; supported: "
                    "inputs that are quantized with one scale and zero point"
                )
        instead.update(dict.fromkeys(others, first))
        inputs[position] = first
        removed += readers

    def replaced(numbers: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(instead.get(number, number) for number in numbers)

    return replace(
        graph,
        operators=tuple(replace(one, inputs=replaced(one.inputs)) for one in graph.operators if one not in removed),
        inputs=tuple(inputs),
        outputs=replaced(graph.outputs),
        states=tuple(replace(state, next=instead.get(state.next, state.next)) for state in graph.states),
    )


def _cut_outputs(graph: Graph) -> Graph:
    """Return the graph in which the tensors that DEQUANTIZE reads are the outputs; the operators remain."""
    source = {one.outputs[0]: one.inputs[0] for one in graph.operators if _is_border(graph, one, "DEQUANTIZE")}
    return replace(graph, outputs=tuple(source.get(number, number) for number in graph.outputs))


def _is_border(graph: Graph, operator: Operator, kind: str) -> bool:
    """Whether this is a QUANTIZE from float32, or a DEQUANTIZE to it, whose two tensors hold the same values."""
    if operator.kind != kind or len(operator.inputs) != 1 or len(operator.outputs) != 1 or operator.inputs[0] < 0:
        return False
    given, made = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    real, codes = (given, made) if kind == "QUANTIZE" else (made, given)
    return real.dtype == "float32" and real.shape == codes.shape and _has_finite_range(codes)


def _has_finite_range(tensor: Tensor) -> bool:
    """Whether a tensor has one scale, and a float32 of its own stands for every code."""
    if tensor.dtype not in _QUANTIZED or tensor.quantization is None or tensor.quantization.scales.size != 1:
        return False
    scale, limits = float(tensor.quantization.scales[0]), np.finfo(np.float32)
    codes = np.iinfo(tensor.dtype)
    return float(limits.tiny) <= scale <= float(limits.max) / (codes.max - codes.min)


def _described(tensor: Tensor) -> str:
    assert tensor.quantization is not None
    scale, zero_point = tensor.quantization.scales[0], tensor.quantization.zero_points[0]
    return f"{tensor.dtype} {list(tensor.shape)} with scale {scale!s} and zero point {zero_point}"
