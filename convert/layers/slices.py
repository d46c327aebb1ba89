"""SLICE and STRIDED_SLICE."""

from stapes.convert.layers.box import cut, expect_bytes
from stapes.convert.node import Node
from stapes.convert.steps import Step


def lower_slice(node: Node) -> list[Step]:
    """Begin and size per axis; a size of -1 reaches to the end."""
    node.expect((3,))
    shape, begin, sizes = node.tensor(0).shape, node.values(1), node.values(2)
    if not len(begin) == len(sizes) == len(shape):
        node.refuse(f"begin {begin} and size {sizes} of shape {list(shape)}", "one of each per axis")
    box = tuple(end - first if size == -1 else size for first, size, end in zip(begin, sizes, shape, strict=True))
    if any(first < 0 or size < 1 or first + size > end for first, size, end in zip(begin, box, shape, strict=True)):
        node.refuse(f"begin {begin} and size {sizes} of shape {list(shape)}", "boxes inside of the tensor")
    node.expect_shape(box)
    expect_bytes(node, node.number(0), node.operator.outputs[0])
    return [cut(node, node.number(0), tuple(begin), (1,) * len(shape), node.operator.outputs[0], box)]


def lower_strided_slice(node: Node) -> list[Step]:
    """Begin, end and stride per axis, as in Python; begin, end and shrink masks."""
    node.expect((4,))
    shape = node.tensor(0).shape
    begin, end, strides = node.values(1), node.values(2), node.values(3)
    if not len(begin) == len(end) == len(strides) <= len(shape):
        node.refuse(
            f"begin {begin}, end {end}, strides {strides} of shape {list(shape)}",
            "as many of each, at most one per axis",
        )
    if node.option("ellipsis_mask") or node.option("new_axis_mask") or node.option("offset"):
        node.refuse("an ellipsis, a new axis or an offset", "begin, end and shrink masks")
    if 0 in strides:
        node.refuse(f"strides {strides}", "strides other than 0")
    firsts, steps, box = [], [], []
    for axis, size in enumerate(shape):
        given = axis < len(begin)
        taken = _positions(node, axis, size, begin[axis], end[axis], strides[axis]) if given else range(size)
        if not taken:
            node.refuse(f"an empty slice along axis {axis}", "slices of at least 1 element")
        firsts.append(taken[0])
        steps.append(taken.step)
        box.append(len(taken))
    shrunk = node.option("shrink_axis_mask")
    node.expect_shape(tuple(size for axis, size in enumerate(box) if not shrunk >> axis & 1))
    expect_bytes(node, node.number(0), node.operator.outputs[0])
    return [cut(node, node.number(0), tuple(firsts), tuple(steps), node.operator.outputs[0], tuple(box))]


def _positions(node: Node, axis: int, size: int, begin: int, end: int, stride: int) -> range:
    if node.option("shrink_axis_mask") >> axis & 1:
        at = begin + size if begin < 0 else begin
        return range(at, at + 1) if 0 <= at < size else range(0)
    start = None if node.option("begin_mask") >> axis & 1 else begin
    stop = None if node.option("end_mask") >> axis & 1 else end
    return range(size)[start:stop:stride]
