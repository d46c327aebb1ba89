"""Keep values as codes where a model turns them into float32 only to move them and to quantize them again.

The quantizer of TensorFlow leaves such places in an unrolled GRU: DEQUANTIZE, SPLIT, QUANTIZE. The codes take the way
of the float32 values, and QUANTIZE becomes a table of what LiteRT makes of each code by way of float32.
"""

from dataclasses import replace

from stapes.firmware_sim.tflite.graph import Graph, Operator

# Operators that move values: the position of the input that they move.
_MOVES = {
    **dict.fromkeys(("EXPAND_DIMS", "GATHER", "RESHAPE", "REVERSE_V2", "SLICE", "SPLIT_V", "SQUEEZE"), 0),
    **dict.fromkeys(("STRIDED_SLICE", "TILE", "TRANSPOSE", "UNPACK"), 0),
    "SPLIT": 1,
}


def keep_codes(graph: Graph) -> Graph:
    """Return the graph without each DEQUANTIZE whose values only moves and QUANTIZE read."""
    for operator in graph.operators:
        if operator.kind == "DEQUANTIZE" and len(operator.inputs) == len(operator.outputs) == 1:
            real = _followed(graph, operator)
            if real is not None:
                graph = _with_codes(graph, operator, real)
    return graph


def _followed(graph: Graph, dequantize: Operator) -> set[int] | None:
    """Return the float32 tensors that hold values of a DEQUANTIZE; None where anything but QUANTIZE needs them."""
    codes, first = (graph.tensors[number] for number in (dequantize.inputs[0], dequantize.outputs[0]))
    quantized = codes.dtype in ("int8", "uint8") and codes.quantization is not None
    if not quantized or codes.quantization.scales.size != 1 or first.dtype != "float32" or first.shape != codes.shape:  # type: ignore[union-attr]
        return None
    real = {dequantize.outputs[0]}
    for operator in graph.operators:
        if real.isdisjoint(operator.inputs):
            continue
        moved = _MOVES.get(operator.kind)
        if moved is not None and [n for n in operator.inputs if n in real] == [operator.inputs[moved]]:
            real.update(operator.outputs)
        elif operator.kind != "QUANTIZE" or len(operator.outputs) != 1:
            return None
    needed = {*graph.outputs, *(state.next for state in graph.states)}
    return real if needed.isdisjoint(real) else None


def _with_codes(graph: Graph, dequantize: Operator, real: set[int]) -> Graph:
    source, made = dequantize.inputs[0], dequantize.outputs[0]
    codes = graph.tensors[source]
    tensors = [
        replace(tensor, dtype=codes.dtype, quantization=codes.quantization) if number in real else tensor
        for number, tensor in enumerate(graph.tensors)
    ]
    operators = [
        replace(
            operator,
            inputs=tuple(source if number == made else number for number in operator.inputs),
            by_way_of_real=operator.by_way_of_real
            or (operator.kind == "QUANTIZE" and not real.isdisjoint(operator.inputs)),
        )
        for operator in graph.operators
        if made not in operator.outputs
    ]
    return replace(graph, tensors=tuple(tensors), operators=tuple(operators))
