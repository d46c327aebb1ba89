"""DIV: a / b, int8 with broadcasting.

LiteRT finds 1 / |b| by Newton's method in Q0.31, multiplies a with it after a shift to the left by all of its sign
bits, and rounds that with s_a / (s_b * s_out), formed in float32. It stops with an error where b is zero; there the
generated C divides by one code. Where the last shift to the right would exceed 31 bits, its result is not defined.
"""

import numpy as np

from stapes.convert.lower.arithmetic import reciprocal
from stapes.convert.lower.layers._shared import broadcast
from stapes.convert.lower.layers._shared.activations import checked_multiplier
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Constant, Field, Operation
from stapes.firmware_sim.tflite.schema import ACTIVATION_OPTIONS

OPTIONS = ACTIVATION_OPTIONS


def lower(node: Node) -> list[Operation]:
    """Check one DIV and return its kernel call."""
    node.expect((2,))
    (scale_a, zero_a), (scale_b, zero_b), (scale_out, zero_out) = (
        node.scale(tensor) for tensor in (node.tensor(0), node.tensor(1), node.output())
    )
    multiplier, shift = checked_multiplier(node, float(scale_a / (scale_b * scale_out)), limit=23)
    divisors = np.abs(_codes(node) - zero_b)
    if shift < (power := int(divisors.max()).bit_length() - 1):
        node.refuse(
            f"a factor of {float(scale_a / (scale_b * scale_out)):.4g} between the scales, and divisors of up to "
            f"{divisors.max()} codes",
            f"factors of at least 2^{power - 1}: below, LiteRT shifts small quotients by more than 31 bits",
        )
    inverses = [reciprocal(max(divisor, 1)) for divisor in range(256)]
    fields: dict[str, Field] = {
        "inverses": Constant("inverses", {"": np.array([inverse for inverse, _ in inverses], np.int32)}),
        "multiplier": multiplier,
        "shift": shift,
        "zero_a": zero_a,
        "zero_b": zero_b,
        "out_zero": zero_out,
    }
    low, high = node.clamp_range()
    return [broadcast.call(node, "stapes_nn_div", {**fields, "out_min": low, "out_max": high})]


def _codes(node: Node) -> np.ndarray:
    """Return the codes that the divisor can have, int64."""
    data = node.tensor(1).data
    return np.arange(-128, 128) if data is None else np.unique(data).astype(np.int64)
