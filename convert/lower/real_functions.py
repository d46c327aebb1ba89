"""Functions of one float32 value, as LiteRT's kernels for float32 compute them."""

import math
from collections.abc import Callable

import numpy as np

RealFunction = Callable[[np.float32], np.float32]


def exp(x: np.float32) -> np.float32:
    """Return exp(x); infinity where float32 holds no such value."""
    return np.float32(math.exp(min(float(x), 700.0)))


def elu(x: np.float32) -> np.float32:
    """Return x, or exp(x) - 1 below zero."""
    return np.float32(math.expm1(float(x))) if x < 0 else x


# By the names of the operators in the .tflite schema. LOG and RSQRT are not finite for the code that is the zero point.
REAL_FUNCTIONS: dict[str, RealFunction] = {
    "ABS": abs,
    "COS": lambda x: np.float32(math.cos(float(x))),
    "ELU": elu,
    "EXP": exp,
    "FLOOR": lambda x: np.float32(math.floor(float(x))),
    "NEG": lambda x: -x,
    "RELU": lambda x: max(x, np.float32(0)),
    "SIN": lambda x: np.float32(math.sin(float(x))),
    "SQRT": lambda x: np.float32(np.sqrt(x)),
    "SQUARE": lambda x: x * x,
}
