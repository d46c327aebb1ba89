"""CONCATENATION along any axis; inputs and output share scale and zero point."""

from stapes.convert.lower.layers._shared.box import expect_elements, paste
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation
from stapes.firmware_sim.tflite.schema import Option

OPTIONS = {"axis": Option(0, "i"), "activation": Option(1, "b")}


def lower(node: Node) -> list[Operation]:
    """Check one CONCATENATION and return a move per input."""
    inputs, outputs = node.operator.inputs, node.operator.outputs
    if not inputs or len(outputs) != 1 or min(inputs) < 0:
        node.refuse(f"{len(inputs)} inputs and {len(outputs)} outputs", "at least one input, one output")
    if node.option("activation"):
        node.refuse("a fused activation", "none")
    expect_elements(node, *inputs, outputs[0])
    if any(not node.same_scale(node.tensor(position), node.output()) for position in range(len(inputs))):
        node.refuse(
            "inputs and output differ in scale or zero point", "the same everywhere, as the reference kernels ask"
        )
    shapes = [node.tensor(position).shape for position in range(len(inputs))]
    axis = node.axis(node.option("axis"), len(shapes[0]))
    around = [(*shape[:axis], *shape[axis + 1 :]) for shape in shapes]
    if any(len(shape) <= axis or rest != around[0] for shape, rest in zip(shapes, around, strict=True)):
        node.refuse(f"shapes {[list(shape) for shape in shapes]} along axis {axis}", "equal sizes along the other axes")
    sizes = [shape[axis] for shape in shapes]
    node.expect_shape((*shapes[0][:axis], sum(sizes), *shapes[0][axis + 1 :]))
    begins = [tuple(sum(sizes[:i]) if a == axis else 0 for a in range(len(shapes[0]))) for i in range(len(inputs))]
    return [paste(node, number, outputs[0], begin) for number, begin in zip(inputs, begins, strict=True)]
