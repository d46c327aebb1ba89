"""DEQUANTIZE from int8 or uint8: scale * (q - zero_point), which float32 rounds once.

An output of the model is computed by a kernel. What a QUANTIZE reads is not computed at all: see quantize.py.
"""

from stapes.convert.lower.layers._shared.real_values import real_values_call
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one DEQUANTIZE and return its kernel call, or nothing where no output of the model is float32."""
    node.expect((1,))
    real, number = node.output(), node.operator.outputs[0]
    if real.dtype != "float32":
        node.refuse(f"tensor {real.name} is {real.dtype}", "float32")
    call = real_values_call(node, "stapes_nn_dequantize", node.tensor(0))
    return [call] if number in node.graph.outputs else []
