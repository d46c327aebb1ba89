"""SQUEEZE: the same bytes without axes of size 1, all of them or those that the attribute names."""

from stapes.convert.lower.layers._shared.box import reinterpret
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation


def lower(node: Node) -> list[Operation]:
    """Check one SQUEEZE and return its move, which plan/coalesce.py removes."""
    node.expect((1,))
    shape, options = node.tensor(0).shape, node.operator.options
    named = [] if options is None else options.array(0, "i").tolist()
    axes = {node.axis(axis, len(shape)) for axis in named} or {axis for axis, size in enumerate(shape) if size == 1}
    if any(shape[axis] != 1 for axis in axes):
        node.refuse(f"axes {named} of shape {list(shape)}", "axes of size 1")
    return reinterpret(node, tuple(size for axis, size in enumerate(shape) if axis not in axes))
