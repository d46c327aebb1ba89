"""Remove the operators that neither an output nor a state depends on."""

from dataclasses import replace

from stapes.firmware_sim.tflite.graph import Graph, Operator


def prune(graph: Graph) -> Graph:
    """Return the graph without the operators that no output and no state depends on."""
    needed = {*graph.outputs, *(state.next for state in graph.states)}
    kept: list[Operator] = []
    for operator in reversed(graph.operators):
        if needed.isdisjoint(operator.outputs):
            continue
        needed.update(operator.inputs)
        kept.append(operator)
    return replace(graph, operators=tuple(reversed(kept)))
