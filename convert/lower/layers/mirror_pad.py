"""MIRROR_PAD: borders that mirror the input, with its outermost elements (SYMMETRIC) or without them (REFLECT)."""

from typing import Literal

import numpy as np

from stapes.convert.lower.layers._shared.take import take
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation
from stapes.firmware_sim.tflite.schema import Option

OPTIONS = {"mode": Option(0, "b")}
MODES: tuple[Literal["reflect"], Literal["symmetric"]] = ("reflect", "symmetric")


def lower(node: Node) -> list[Operation]:
    """Check one MIRROR_PAD and return its lookup."""
    node.expect((2,))
    shape, borders, mode = node.tensor(0).shape, node.values(1), node.option("mode")
    if not 0 <= mode < len(MODES):
        node.refuse(f"mode {mode}", ", ".join(MODES))
    most = [size - (MODES[mode] == "reflect") for size in shape]
    pairs = list(zip(borders[0::2], borders[1::2], strict=False))
    if len(borders) != 2 * len(shape) or any(
        not 0 <= side <= limit for pair, limit in zip(pairs, most, strict=True) for side in pair
    ):
        node.refuse(f"borders {borders} of shape {list(shape)}", f"two per axis, up to {most}")
    node.expect_shape(tuple(size + sum(pair) for size, pair in zip(shape, pairs, strict=True)))
    return take(node, [np.pad(np.arange(size), pair, MODES[mode]) for size, pair in zip(shape, pairs, strict=True)])
