"""PACK of tensors of one shape along a new axis; inputs and output share scale and zero point."""

from stapes.convert.lower.layers._shared.box import expect_elements
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Block, Move, Operation, row_major_strides
from stapes.firmware_sim.tflite.schema import Option

OPTIONS = {"count": Option(0, "i"), "axis": Option(1, "i")}


def lower(node: Node) -> list[Operation]:
    """Check one PACK and return a move per input."""
    inputs, outputs = node.operator.inputs, node.operator.outputs
    if not inputs or len(outputs) != 1 or min(inputs) < 0 or node.option("count") != len(inputs):
        node.refuse(
            f"{len(inputs)} inputs, of which {node.option('count')} are counted, and {len(outputs)} outputs",
            "at least one input, all of them counted, one output",
        )
    expect_elements(node, *inputs, outputs[0])
    if any(not node.same_scale(node.tensor(position), node.output()) for position in range(len(inputs))):
        node.refuse(
            "inputs and output differ in scale or zero point", "the same everywhere, as the reference kernels ask"
        )
    shape = node.tensor(0).shape
    if any(node.tensor(position).shape != shape for position in range(len(inputs))):
        node.refuse(f"shapes {[list(node.tensor(i).shape) for i in range(len(inputs))]}", "equal shapes")
    axis = node.axis(node.option("axis"), len(shape) + 1)
    packed = (*shape[:axis], len(inputs), *shape[axis:])
    node.expect_shape(packed)
    strides = row_major_strides(packed)
    around = (*strides[:axis], *strides[axis + 1 :])
    return [
        Move(
            node.name,
            shape,
            Block(number, 0, row_major_strides(shape)),
            Block(outputs[0], position * strides[axis], around),
        )
        for position, number in enumerate(inputs)
    ]
