"""Remove the operators that neither an output nor a state depends on.

The second input of RESHAPE, the new shape, is dropped: the file states a fixed shape for the output. The operators that
compute that shape in each inference (SHAPE, STRIDED_SLICE, PACK) are therefore removed, too.
"""

from dataclasses import replace

from stapes.firmware_sim.tflite.graph import Graph, Operator


def prune(graph: Graph) -> Graph:
    """Return the graph without the operators that no output and no state depends on."""
    needed = {*graph.outputs, *(state.next for state in graph.states)}
    kept: list[Operator] = []
    for operator in reversed(graph.operators):
        if needed.isdisjoint(operator.outputs):
            continue
        if operator.kind == "RESHAPE":
            operator = replace(operator, inputs=operator.inputs[:1])
        needed.update(operator.inputs)
        kept.append(operator)
    return replace(graph, operators=tuple(reversed(kept)))
