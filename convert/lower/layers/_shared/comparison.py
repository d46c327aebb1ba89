"""What the operators share that compare two int8 inputs: for each code of b, which codes of a fulfil the comparison."""

from collections.abc import Callable

import numpy as np

from stapes.convert.lower.arithmetic import quantize_multiplier, round_twice_array
from stapes.convert.lower.layers._shared import broadcast
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Constant, Field, Operation
from stapes.firmware_sim.tflite.graph import Tensor

_CODES = np.arange(-128, 128, dtype=np.int64)


def lower_comparison(
    node: Node, holds: Callable[[np.ndarray, np.ndarray], np.ndarray], inverted: int = 0
) -> list[Operation]:
    """Check one comparison and return its kernel call.

    holds: which pairs of values fulfil it; for each b that is a range of a. inverted: 1 where the result is the
    opposite of that.
    """
    node.expect((2,))
    if node.output().dtype != "bool":
        node.refuse(f"an output of {node.output().dtype}", "bool")
    a, b = (_values(node, node.tensor(position)) for position in (0, 1))
    within = holds(a[:, None], b)  # [code of a, code of b]
    some = within.any(axis=0)
    lowest = np.where(some, _CODES[within.argmax(axis=0)], 127)
    highest = np.where(some, _CODES[255 - within[::-1].argmax(axis=0)], -128)
    fields: dict[str, Field] = {
        "lowest": Constant("lowest", {"": lowest.astype(np.int8)}),
        "highest": Constant("highest", {"": highest.astype(np.int8)}),
        "inverted": inverted,
    }
    return [broadcast.call(node, "stapes_nn_compare", fields)]


def _values(node: Node, tensor: Tensor) -> np.ndarray:
    """Return what LiteRT compares for each code: (code - zero point) * 2^8 * scale, rounded twice. int64 [256]."""
    scale, zero_point = node.scale(tensor)
    multiplier, shift = quantize_multiplier(float(scale))
    if shift > 0 or multiplier == 0:
        node.refuse(f"tensor {tensor.name} has the scale {scale}", "scales below 1 and above 2^-32")
    return round_twice_array((_CODES - zero_point) << 8, multiplier, shift)
