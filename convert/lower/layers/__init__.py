"""Operators: a file each, which is named after the operator in the .tflite schema, in small letters.

To add an operator, copy template.py under its name: the file is found by that name, there is no table. An operator that
needs a kernel of its own also needs csrc/nn/portable/stapes_nn_<kernel>.c, its declaration in csrc/nn/stapes_nn.h, and
a plain specification in csrc/nn/reference, with which tests compare it.

A file defines

    lower     checks one operator and returns the operations that it becomes; raises ModelError by Node.refuse
    OPTIONS   where it has attributes: how they are read from the .tflite, by the names that Node.option takes

and states at its head how LiteRT's reference kernels (`BUILTIN_REF`, ai-edge-litert 2.x) round. The generated C gives
the same bits; tests/convert compares it with LiteRT itself, over grids of scales. "Rounded twice with a factor" means
stapes_nn_round_twice with the factor's 31-bit multiplier: x * multiplier / 2^31 with halves up, then the remaining
shift with halves away from zero. TFLite Micro and CMSIS-NN round FULLY_CONNECTED twice and compute LOGISTIC and TANH in
fixed point: about 1 of 1000 outputs differs by 1 there.
"""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

SUPPORTED = tuple(
    sorted(module.name.upper() for module in iter_modules(__path__) if module.name not in ("_shared", "template"))
)
# Operators that are also, or only, computed when a model is compiled: those on shapes, by passes/constant_values.py.
ON_SHAPES = (
    *("ABS", "ADD", "BROADCAST_ARGS", "BROADCAST_TO", "CAST", "CONCATENATION", "DIV", "EQUAL", "EXPAND_DIMS", "FILL"),
    *("FLOOR_DIV", "FLOOR_MOD", "GATHER", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "LOGICAL_AND"),
    *("LOGICAL_NOT", "LOGICAL_OR", "MAXIMUM", "MINIMUM", "MUL", "NEG", "NOT_EQUAL", "PACK", "RANGE", "RANK"),
    *("REDUCE_ALL", "REDUCE_ANY", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "RESHAPE", "SELECT_V2", "SHAPE", "SLICE"),
    *("SPLIT", "SQUEEZE", "STRIDED_SLICE", "SUB", "SUM", "TILE", "TRANSPOSE", "UNPACK", "ZEROS_LIKE"),
)


def layer(kind: str) -> ModuleType:
    """Return the file of an operator that is in SUPPORTED."""
    return import_module(f"{__name__}.{kind.lower()}")
