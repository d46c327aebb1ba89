"""MUL: int8 or int16 with broadcasting.

LiteRT rounds the product twice with s_a * s_b / s_out, formed in float32.
"""

from stapes.convert.lower.layers._shared import broadcast
from stapes.convert.lower.layers._shared.activations import checked_multiplier
from stapes.convert.lower.layers._shared.int16 import lower_product_16
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation
from stapes.firmware_sim.tflite.schema import ACTIVATION_OPTIONS

OPTIONS = ACTIVATION_OPTIONS


def lower(node: Node) -> list[Operation]:
    """Check one MUL and return its kernel call."""
    node.expect((2,))
    tensors = node.tensor(0), node.tensor(1), node.output()
    scale_a, scale_b, scale_out = (node.scale(tensor, ("int8", "int16"))[0] for tensor in tensors)
    if node.tensor(0).dtype == "int16":
        return lower_product_16(node, float(scale_a * scale_b / scale_out))
    multiplier, shift = checked_multiplier(node, float(scale_a * scale_b / scale_out), limit=14)
    zero_a, zero_b, zero_out = (node.scale(tensor)[1] for tensor in tensors)
    factors = {"multiplier": multiplier, "shift": shift, "zero_a": zero_a, "zero_b": zero_b, "out_zero": zero_out}
    return [broadcast.clamped_call(node, "stapes_nn_mul", factors)]
