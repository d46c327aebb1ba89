"""Operators that map one value to one value: a table of 256 bytes that is computed when the model is compiled."""

from collections.abc import Callable

import numpy as np

from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import IN_PLACE, Call, Constant, Operation, copy


def lower_lookup(node: Node, value: Callable[[int], int]) -> list[Operation]:
    """Return the lookup of clamp(value(q)) for every code q of the input, or a copy where that is q itself."""
    node.expect((1,))
    node.expect_shape(node.tensor(0).shape)
    codes = np.arange(256, dtype=np.uint8).view(np.int8)  # bit patterns 0 .. 255
    kind_in, kind_out = (_byte(tensor.dtype) for tensor in (node.tensor(0), node.output()))
    limits = np.iinfo(kind_out)
    given = codes.view(kind_in)
    table = np.array([min(max(value(int(q)), limits.min), limits.max) for q in given]).astype(kind_out)
    number, output, count = node.number(0), node.operator.outputs[0], node.tensor(0).count
    if np.array_equal(table.view(np.int8), codes):
        return [copy(node.name, number, output, count)]
    ordered = np.roll(table.view(np.int8), 128)  # entry in[i] + 128
    return [
        Call(
            name=node.name,
            kernel="stapes_nn_lookup",
            form=f"stapes_nn_lookup({{name}}_table, {{in0}}, {{out}}, {count});",
            inputs=(number,),
            output=output,
            constants=(Constant("table", {"": ordered}),),
            overlap=(IN_PLACE,),
        )
    ]


def _byte(dtype: str) -> str:
    """Return the type that the bytes of a tensor are read as; a bool is 0 or 1."""
    return "uint8" if dtype == "bool" else dtype
