"""SOFTMAX of int16 over the last axis.

LiteRT draws straight lines between 513 values of exp and of 1 / (1 + x), which it computes in double and moves so that
the lines are as near to the function in their middle as at their ends.
"""

import math
from collections.abc import Callable

import numpy as np

from stapes.convert.lower.arithmetic import quantize_multiplier
from stapes.convert.lower.layers._shared.int16 import expect_symmetric
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Call, Constant, Operation


def lower_softmax_16(node: Node) -> list[Operation]:
    """Check one SOFTMAX of int16 and return its kernel call."""
    shape = node.tensor(0).shape
    expect_symmetric(node, node.tensor(0), node.output())
    scale_in, scale_out = (node.scale(tensor, ("int16",))[0] for tensor in (node.tensor(0), node.output()))
    if abs(float(scale_out) * 32768 - 1) > 0.001:
        node.refuse(f"output scale {scale_out}", "2^-15")
    if not shape or shape[-1] >= 1 << 16:
        node.refuse(f"shape {list(shape)}", "a last axis of at most 65535")
    factor = float(scale_in * np.float32(node.options["beta"])) / (10.0 / 65535.0)
    multiplier, shift = quantize_multiplier(factor) if math.isfinite(factor) and factor > 0 else (0, 31)
    if shift > 14:
        node.refuse(f"beta {node.options['beta']} with input scale {scale_in}", "a positive product below 2.5")
    return [
        Call(
            name=node.name,
            kernel="stapes_nn_softmax_16",
            form="stapes_nn_softmax_16(&{name}, {in0}, {out});",
            inputs=(node.number(0),),
            output=node.operator.outputs[0],
            struct="stapes_nn_softmax_16_layer",
            fields={
                "rows": node.tensor(0).count // shape[-1],
                "depth": shape[-1],
                "multiplier": multiplier,
                "shift": shift,
                "exponentials": Constant("exponentials", {"": _table(math.exp, -10.0)}),
                "reciprocals": Constant("reciprocals", {"": _table(lambda x: 1.0 / (1.0 + x), 0.0)}),
            },
            overlap=(None,),
        )
    ]


def _table(function: Callable[[float], float], first: float) -> np.ndarray:
    """Return the function at 513 places: from -10 to 0, or from 0 to 1; int16 [513] in Q0.15."""
    scale = (10.0 if first else 1.0) / 65535
    zero = 32767 if first else -32768
    low, high = (scale * (code - zero) for code in (-32768, 32767))
    step, unit = (high - low) / 512, 65536 / (2.0 / 65535 * 32767 - 2.0 / 65535 * -32768)
    values = []
    for i in range(512):
        here, middle, following = (
            function(x) * unit for x in (low + i * step, low + i * step + step / 2, low + (i + 1) * step)
        )
        error = _rounded((following + _rounded(here)) / 2) - _rounded(middle)
        values.append(_rounded(here) - _rounded(error / 2))
    values.append(_rounded(function(high) * unit))
    return np.clip(values, -32768, 32767).astype(np.int16)


def _rounded(x: float) -> float:
    """Return the nearest whole number, halves away from zero."""
    return math.copysign(math.floor(abs(x) + 0.5), x)
