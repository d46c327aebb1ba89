"""CONCATENATION along any axis."""

from stapes.convert.layers.box import expect_bytes, paste
from stapes.convert.node import Node
from stapes.convert.steps import Step


def lower(node: Node) -> list[Step]:
    """Check one CONCATENATION and return a move per input."""
    inputs, output = node.operator.inputs, node.operator.outputs
    if not inputs or len(output) != 1 or min(inputs) < 0:
        node.refuse(f"{len(inputs)} inputs and {len(output)} outputs", "at least one input, one output")
    if node.option("activation"):
        node.refuse("a fused activation", "none")
    expect_bytes(node, *inputs, output[0])
    first = node.tensor(0).shape
    axis = node.axis(node.option("axis"), len(first))
    steps: list[Step] = []
    begin = [0] * len(first)
    for position, number in enumerate(inputs):
        shape = node.tensor(position).shape
        if len(shape) != len(first) or any(
            a != b for i, (a, b) in enumerate(zip(shape, first, strict=True)) if i != axis
        ):
            node.refuse(f"shapes {list(first)} and {list(shape)} along axis {axis}", "equal sizes along the other axes")
        if begin[axis] + shape[axis] > node.output().shape[axis : axis + 1][0]:
            node.refuse(
                f"inputs longer than output shape {list(node.output().shape)}", "an output as long as its inputs"
            )
        steps.append(paste(node, number, output[0], tuple(begin)))
        begin[axis] += shape[axis]
    node.expect_shape((*first[:axis], begin[axis], *first[axis + 1 :]))
    return steps
