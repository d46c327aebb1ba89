"""What neither outputs nor states need goes: operators that nobody reads, and shapes that are worked out for RESHAPE in
each run (SHAPE, STRIDED_SLICE, PACK), since its output has a fixed shape in the file.
"""

from dataclasses import replace

from stapes.convert.read.graph import Graph, Operator


def keep_needed(graph: Graph) -> Graph:
    """Return the graph without the operators that nothing needs."""
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
