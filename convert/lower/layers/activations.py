"""LOGISTIC, TANH, RELU, RELU6, LEAKY_RELU."""

import math
from collections.abc import Callable

import numpy as np

from stapes.convert.lower.arithmetic import quantize_multiplier, round_twice
from stapes.convert.lower.layers._shared.lookup import lower_lookup
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def _float_function(node: Node, function: Callable[[np.float32], np.float32]) -> list[Operation]:
    scale_in, zero_in = node.scale(node.tensor(0))
    scale_out, zero_out = node.scale(node.output())
    inverse = np.float32(1) / scale_out

    def value(q: int) -> int:
        scaled = float(function(scale_in * np.float32(q - zero_in)) * inverse)
        return int(math.copysign(math.floor(abs(scaled) + 0.5), scaled)) + zero_out

    return lower_lookup(node, value)


def logistic(node: Node) -> list[Operation]:
    """1 / (1 + exp(-x)); the output scale is 1/256."""
    if node.scale(node.output())[0] != np.float32(1 / 256):
        node.refuse(f"output scale {node.scale(node.output())[0]}", "1/256")
    return _float_function(node, lambda x: np.float32(1) / (np.float32(1) + _exp(-x)))


def _exp(x: np.float32) -> np.float32:
    return np.float32(math.exp(float(x))) if x < 88.7 else np.float32(np.inf)


def tanh(node: Node) -> list[Operation]:
    """Hyperbolic tangent."""
    return _float_function(node, lambda x: np.float32(math.tanh(float(x))))


def relu(node: Node) -> list[Operation]:
    """max(x, 0)."""
    return _relu(node, math.inf)


def relu6(node: Node) -> list[Operation]:
    """min(max(x, 0), 6)."""
    return _relu(node, 6.0)


def _relu(node: Node, most: float) -> list[Operation]:
    scale_in, zero_in = node.scale(node.tensor(0))
    scale_out, zero_out = node.scale(node.output())
    high = 127 if math.isinf(most) else min(127, zero_out + math.floor(float(np.float32(most) / scale_out) + 0.5))
    multiplier, shift = _checked_multiplier(node, float(scale_in / scale_out))
    return lower_lookup(
        node, lambda q: min(max(zero_out + round_twice(q - zero_in, multiplier, shift), zero_out), high)
    )


def leaky_relu(node: Node) -> list[Operation]:
    """x, or alpha * x below zero."""
    scale_in, zero_in = node.scale(node.tensor(0))
    scale_out, zero_out = node.scale(node.output())
    alpha = np.float32(node.operator.options["alpha"])
    if not alpha >= 0:
        node.refuse(f"alpha {alpha}", "alpha of 0 or more")
    above = _checked_multiplier(node, float(scale_in / scale_out))
    below = _checked_multiplier(node, float(scale_in * alpha / scale_out))
    return lower_lookup(node, lambda q: zero_out + round_twice(q - zero_in, *(above if q >= zero_in else below)))


def _checked_multiplier(node: Node, factor: float) -> tuple[int, int]:
    multiplier, shift = quantize_multiplier(factor) if math.isfinite(factor) else (0, 31)
    if shift > 21:
        node.refuse(f"a factor of {factor} between the scales", "factors below 2^21")
    return multiplier, shift
