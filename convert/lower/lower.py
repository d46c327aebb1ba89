"""Graph to steps: each operator's layer file checks it and says what it becomes."""

import re

from stapes.convert.lower.layers import LAYERS
from stapes.convert.lower.names import NameMaker, c_name, module_globals
from stapes.convert.lower.node import Node
from stapes.convert.lower.packing import Layout
from stapes.convert.lower.steps import Step
from stapes.convert.read.graph import Graph, Operator
from stapes.firmware_sim.errors import ModelError

# Last words of names that say what an operator is, not which one.
_GENERIC = re.compile(
    r"(?i)^(bias_?add|mat_?mul|conv2d|depthwise|relu6?|read_?variable_?op|resource|fused_?batch_?norm(v3)?|tensordot|kernel)\d*$"
)
_WRAPPER = re.compile(r"(?i)^stateful_?partitioned_?call\d*$")


def lower(graph: Graph, module: str, layouts: tuple[Layout, ...]) -> list[Step]:
    """Return the steps of a graph that becomes a module of that name.

    Raises ModelError naming the first operator, or form of one, outside of the supported set.
    """
    arguments = argument_names(graph)
    names = NameMaker([*arguments, *module_globals(module)])
    steps: list[Step] = []
    for operator in graph.operators:
        wish = c_name(_spoken_name(graph, operator))
        name = names.make(f"{wish}_layer" if wish in arguments else wish, operator.kind.lower())
        lowered = LAYERS.get(operator.kind)
        if lowered is None:
            raise ModelError(
                f"operator {operator.number} ({operator.kind}, {name}) is not supported; "
                f"supported: {', '.join(sorted(LAYERS))}"
            )
        node = Node(graph, operator, name, layouts)
        node.expect_values()
        steps += lowered(node)
    return steps


def argument_names(graph: Graph) -> list[str]:
    """C names of the inputs, then of the outputs."""
    names = NameMaker()
    wishes = [("input", name) for name in graph.input_names] + [("output", name) for name in graph.output_names]
    return [names.make(name.split(":")[0].split("/")[-1], side) for side, name in wishes]


def _spoken_name(graph: Graph, operator: Operator) -> str:
    """Last part of the output's name that tells layers apart, with the TensorFlow call wrapper left out."""
    if not operator.outputs:
        return ""
    parts = [part for part in re.split(r"[/;:]", graph.tensors[operator.outputs[0]].name.split(";")[0]) if part]
    while len(parts) > 1 and (_GENERIC.match(parts[-1]) or parts[-1].isdigit()):
        parts.pop()
    return "" if not parts or _WRAPPER.match(parts[-1]) else parts[-1]
