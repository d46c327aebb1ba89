"""STRIDED_SLICE: every n-th element along each axis, as Python slices."""

from stapes.convert.lower.layers._shared.box import cut, expect_elements
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Operation
from stapes.firmware_sim.tflite.schema import Option

OPTIONS = {
    "begin_mask": Option(0, "i"),
    "end_mask": Option(1, "i"),
    "ellipsis_mask": Option(2, "i"),
    "new_axis_mask": Option(3, "i"),
    "shrink_axis_mask": Option(4, "i"),
    "offset": Option(5, "?"),
}
Index = slice | int | None  # None: a new axis


def lower(node: Node) -> list[Operation]:
    """Check one STRIDED_SLICE and return its move.

    Inputs 1 to 3: begin, end and stride per axis. Masks mark absent begins and ends, axes that are removed, new axes,
    and an ellipsis.
    """
    node.expect((4,))
    shape = node.tensor(0).shape
    ranges: list[range] = []
    out: list[int] = []
    for index in indices(node, len(shape)):
        if index is None:
            out.append(1)
            continue
        size = range(shape[len(ranges)])
        taken = size[index] if isinstance(index, slice) else size[index : index + 1 or None]
        if not taken:
            node.refuse(f"an empty slice along axis {len(ranges)}", "slices of at least 1 element")
        ranges.append(taken)
        if isinstance(index, slice):
            out.append(len(taken))
    node.expect_shape(tuple(out))
    expect_elements(node, node.number(0), node.operator.outputs[0])
    firsts, strides = tuple(taken[0] for taken in ranges), tuple(taken.step for taken in ranges)
    return [cut(node, node.number(0), firsts, strides, node.operator.outputs[0], tuple(map(len, ranges)))]


def indices(node: Node, rank: int) -> list[Index]:
    """Return what Python has between the brackets: a slice or a number per axis, None for a new axis."""
    begin, end, strides = node.values(1), node.values(2), node.values(3)
    if not len(begin) == len(end) == len(strides) or 0 in strides or node.option("offset"):
        node.refuse(
            f"begin {begin}, end {end}, strides {strides}",
            "as many of each, strides other than 0, ends that are no offsets",
        )

    def marked(mask: str, position: int) -> bool:
        return bool(node.option(f"{mask}_mask") >> position & 1)

    before: list[Index] = []
    after: list[Index] | None = None  # what follows the ellipsis
    for position, (first, last, stride) in enumerate(zip(begin, end, strides, strict=True)):
        first_or_none = None if marked("begin", position) else first
        index: Index = slice(first_or_none, None if marked("end", position) else last, stride)
        if marked("ellipsis", position):
            if after is not None:
                node.refuse("two ellipses", "one")
            after = []
            continue
        if marked("new_axis", position):
            index = None
        elif marked("shrink_axis", position):
            if stride != 1:
                node.refuse(f"stride {stride} along a shrunk axis", "1")
            index = first_or_none or 0
        (before if after is None else after).append(index)
    rest = rank - sum(index is not None for index in before + (after or []))
    if rest < 0:
        node.refuse(f"begin {begin} for {rank} axes", "at most one position per axis")
    return [*before, *[slice(None)] * rest, *(after or [])]
