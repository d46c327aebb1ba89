"""DEQUANTIZE from int8 or uint8 to an output of float32: scale * (q - zero_point), which float32 rounds once."""

from stapes.convert.lower.layers._shared.real_values import real_values_call
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one DEQUANTIZE and return its kernel call."""
    node.expect((1,))
    if node.output().dtype != "float32":
        node.refuse(f"tensor {node.output().name} is {node.output().dtype}", "float32")
    return [real_values_call(node, "stapes_nn_dequantize", node.tensor(0), node.operator.outputs[0])]
