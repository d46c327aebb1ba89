"""UNPACK: each position along an axis becomes a tensor without that axis."""

from stapes.convert.lower.layers._shared.parts import expect_parts, lower_parts
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation
from stapes.firmware_sim.tflite.schema import Option

OPTIONS = {"count": Option(0, "i"), "axis": Option(1, "i")}


def lower(node: Node) -> list[Operation]:
    """Check one UNPACK and return a move per output."""
    expect_parts(node, inputs=1)
    shape, count = node.tensor(0).shape, len(node.operator.outputs)
    axis = node.axis(node.option("axis"), len(shape))
    if not shape[axis] == node.option("count") == count:
        node.refuse(
            f"{shape[axis]} positions, of which {node.option('count')} are counted, into {count} outputs",
            "one output per position",
        )
    return lower_parts(node, 0, axis, [1] * count, drop_axis=True)
