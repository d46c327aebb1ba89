"""RESHAPE: the same bytes in another shape.

LiteRT takes the new shape from input 1 where that is a vector of int32, and from the attribute otherwise. One size may
be -1, which stands for what remains.
"""

from math import prod

from stapes.convert.lower.layers._shared.box import reinterpret
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one RESHAPE and return its move, which plan/coalesce.py removes."""
    node.expect((1, 2))
    count, sizes = node.tensor(0).count, _sizes(node)
    rest = prod(size for size in sizes if size != -1)
    if sizes.count(-1) == 1 and rest > 0 and count % rest == 0:
        sizes[sizes.index(-1)] = count // rest
    if min(sizes, default=1) < 1 or prod(sizes) != count:
        node.refuse(f"shape {list(node.tensor(0).shape)} into {_sizes(node)}", "the same number of elements")
    return reinterpret(node, tuple(sizes))


def _sizes(node: Node) -> list[int]:
    if len(node.operator.inputs) == 2 and node.operator.inputs[1] >= 0:
        shape = node.tensor(1)
        if len(shape.shape) == 1 and shape.dtype == "int32":
            return node.values(1)
    options = node.operator.options
    return [] if options is None else options.array(0, "i").tolist()
