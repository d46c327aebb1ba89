"""Move quantized values where the file moves their real values.

A converter that does not quantize an operator leaves it in float32, between a DEQUANTIZE and a QUANTIZE. Where the
operator only moves values, as SPLIT and RESHAPE do, it gives the same bits when it moves the codes: it is taken in
front of the DEQUANTIZE before it, or behind the QUANTIZE after it. A QUANTIZE that then undoes a DEQUANTIZE is removed.
"""

from dataclasses import replace

from stapes.convert.passes.cut_borders import is_border
from stapes.convert.passes.lift_states import alike
from stapes.firmware_sim.tflite.graph import Graph, Operator, Tensor
from stapes.firmware_sim.tflite.schema import NONE, Option

# Operators that move values, and write none of their own but 0 -> the positions of the inputs that they move.
_MOVES: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "SLICE", "STRIDED_SLICE", "SPLIT_V"), (0,)),
    **dict.fromkeys(("GATHER", "TILE", "BROADCAST_TO", "REVERSE_V2", "PAD", "UNPACK"), (0,)),
    **dict.fromkeys(("DEPTH_TO_SPACE", "SPACE_TO_DEPTH", "RESIZE_NEAREST_NEIGHBOR"), (0,)),
    "SPLIT": (1,),
}
_JOINS = ("CONCATENATION", "PACK")  # which move all of their inputs


def move_codes(graph: Graph) -> Graph:
    """Return the graph with moves of float32 as moves of codes, where a DEQUANTIZE or a QUANTIZE is beside them.

    A DEQUANTIZE stays where anything else reads its real values; `prune` removes the others.
    """
    return _quantize_first(_dequantize_last(graph))


class _Rewriting:
    """A graph as it is written anew. `instead`: a tensor that is gone -> the one that holds the same codes."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.tensors, self.operators = graph, list(graph.tensors), list(graph.operators)
        self.instead: dict[int, int] = {}

    def codes_like(self, number: int, codes: Tensor) -> int:
        """Add a tensor of the name and shape of a float32 one, quantized as `codes`; return its number."""
        real = self.tensors[number]
        self.tensors.append(replace(codes, name=real.name, shape=real.shape, data=None, variable=False))
        return len(self.tensors) - 1

    def moved(self, operator: Operator) -> tuple[int, ...]:
        """Return the float32 tensors that an operator moves; none where it does anything else."""
        positions = range(len(operator.inputs)) if operator.kind in _JOINS else _MOVES.get(operator.kind, ())
        inputs = tuple(operator.inputs[position] for position in positions if position < len(operator.inputs))
        real = all(number >= 0 and self.tensors[number].dtype == "float32" for number in (*inputs, *operator.outputs))
        return inputs if real and _clamps_nothing(operator) else ()

    def finish(self) -> Graph:
        """Return the graph as it is now."""
        graph = replace(self.graph, tensors=tuple(self.tensors), operators=tuple(self.operators))
        return graph.with_instead(self.instead)


def _dequantize_last(graph: Graph) -> Graph:
    """Take moves in front of the DEQUANTIZE whose real values they move."""
    work, codes_of = _Rewriting(graph), dict[int, int]()  # a float32 tensor -> the codes that it was made of
    work.operators = []
    for read in graph.operators:
        operator = replace(read, inputs=tuple(work.instead.get(number, number) for number in read.inputs))
        moved = work.moved(operator)
        if is_border(work.tensors, operator, "DEQUANTIZE"):
            codes_of[operator.outputs[0]] = operator.inputs[0]
        elif is_border(work.tensors, operator, "QUANTIZE") and operator.inputs[0] in codes_of:
            source = codes_of[operator.inputs[0]]
            if alike(work.tensors[source], work.tensors[operator.outputs[0]]):
                work.instead[operator.outputs[0]] = source
                continue
        elif moved and all(number in codes_of for number in moved):
            codes = [work.tensors[codes_of[number]] for number in moved]
            if all(_same_scale(codes[0], other) for other in codes):
                outputs = tuple(work.codes_like(number, codes[0]) for number in operator.outputs)
                inputs = tuple(codes_of[number] if number in moved else number for number in operator.inputs)
                work.operators.append(replace(operator, inputs=inputs, outputs=outputs))
                for real, made in zip(operator.outputs, outputs, strict=True):
                    work.operators.append(Operator("DEQUANTIZE", (made,), (real,), number=operator.number))
                    codes_of[real] = made
                continue
        work.operators.append(operator)
    return work.finish()


def _quantize_first(graph: Graph) -> Graph:
    """Take moves behind the QUANTIZE that reads what they give, the last move first."""
    work = _Rewriting(graph)
    kept = {*graph.outputs, *(state.next for state in graph.states)}
    for operator in reversed(graph.operators):
        moved = work.moved(operator)
        after = [one for one in work.operators if moved and not set(operator.outputs).isdisjoint(one.inputs)]
        if not after or not all(is_border(work.tensors, one, "QUANTIZE") for one in after):
            continue
        codes = [work.tensors[one.outputs[0]] for one in after]
        constant = any(work.tensors[number].data is not None for number in moved)
        if constant or not kept.isdisjoint(operator.outputs) or not all(_same_scale(codes[0], one) for one in codes):
            continue
        before = {number: work.codes_like(number, codes[0]) for number in moved}
        made = {number: work.codes_like(number, codes[0]) for number in operator.outputs}
        work.instead.update({one.outputs[0]: made[one.inputs[0]] for one in after})
        inputs = tuple(before.get(number, number) for number in operator.inputs)
        place = work.operators.index(operator)
        work.operators[place : place + 1] = [
            *(Operator("QUANTIZE", (real,), (number,), number=operator.number) for real, number in before.items()),
            replace(operator, inputs=inputs, outputs=tuple(made.values())),
        ]
        work.operators = [one for one in work.operators if one not in after]
    return work.finish()


def _clamps_nothing(operator: Operator) -> bool:
    """Whether an operator has no fused activation; only CONCATENATION could have one."""
    return operator.kind != "CONCATENATION" or Option(1, "b").read(operator.options) == NONE


def _same_scale(a: Tensor, b: Tensor) -> bool:
    """Whether two quantized tensors, of any shapes, give a code the same real value."""
    return alike(replace(a, shape=()), replace(b, shape=()))
