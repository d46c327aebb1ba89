"""LEAKY_RELU: x, or alpha * x below zero.

LiteRT rounds twice with s_in / s_out, below zero with s_in * alpha / s_out, both formed in float32.
The generated C looks it up in a table.
"""

import numpy as np

from stapes.convert.lower.arithmetic import round_twice
from stapes.convert.lower.layers._shared.activations import checked_multiplier
from stapes.convert.lower.layers._shared.int16 import rescale_16
from stapes.convert.lower.layers._shared.lookup import lower_lookup
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation
from stapes.firmware_sim.tflite.schema import Option

OPTIONS = {"alpha": Option(0, "f")}


def lower(node: Node) -> list[Operation]:
    """Check one LEAKY_RELU and return its lookup, or the call for int16."""
    kinds = (node.tensor(0).dtype,) if node.tensor(0).dtype == "int16" else ("int8",)
    (scale_in, zero_in), (scale_out, zero_out) = (
        node.scale(tensor, kinds) for tensor in (node.tensor(0), node.output())
    )
    alpha = np.float32(node.options["alpha"])
    if not alpha >= 0:
        node.refuse(f"alpha {alpha}", "alpha of 0 or more")
    if node.tensor(0).dtype == "int16":
        return rescale_16(node, float(scale_in / scale_out), float(scale_in * alpha / scale_out))
    above = checked_multiplier(node, float(scale_in / scale_out))
    below = checked_multiplier(node, float(scale_in * alpha / scale_out))
    return lower_lookup(node, lambda q: zero_out + round_twice(q - zero_in, *(above if q >= zero_in else below)))
