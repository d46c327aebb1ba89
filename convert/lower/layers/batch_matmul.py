"""BATCH_MATMUL: int8, either side constant or computed, transposed or not, with batches that are repeated.

LiteRT rounds the int32 sum of (a - zero_a) * (b - zero_b) twice with s_a * s_b / s_out, formed in double.
"""

from stapes.convert.lower.layers._shared.convolution import checked_multiplier
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Call, Operation, merge_axes, pad_axes, row_major_strides
from stapes.firmware_sim.tflite.schema import Option

OPTIONS = {"transpose_a": Option(0, "?"), "transpose_b": Option(1, "?")}
RANKS = range(2, 6)


def lower(node: Node) -> list[Operation]:
    """Check one BATCH_MATMUL and return its kernel call."""
    node.expect((2,))
    a, b = node.tensor(0).shape, node.tensor(1).shape
    if len(a) not in RANKS or len(b) not in RANKS:
        node.refuse(f"shapes {list(a)} and {list(b)}", f"{RANKS[0]} to {RANKS[-1]} axes")
    (rows, depth), (a_row, a_step) = _matrix(a, bool(node.option("transpose_a")))
    (depth_b, columns), (b_step, b_column) = _matrix(b, bool(node.option("transpose_b")))
    rank = max(len(a), len(b))
    shapes = pad_axes(a, rank, 1)[:-2], pad_axes(b, rank, 1)[:-2]
    if depth != depth_b or any(x != y and 1 not in (x, y) for x, y in zip(*shapes, strict=True)):
        node.refuse(f"shapes {list(a)} and {list(b)}", "sizes that fit, and batches of equal sizes, or 1")
    batches = tuple(max(x, y) for x, y in zip(*shapes, strict=True))
    node.expect_shape((*batches, rows, columns))
    strides = [
        tuple(
            step if size > 1 else 0 for step, size in zip(row_major_strides((*batch, *shape[-2:])), batch, strict=False)
        )
        for batch, shape in zip(shapes, (a, b), strict=True)
    ]
    merged, (a_batch, b_batch) = merge_axes(batches, *strides)
    return [
        Call(
            name=node.name,
            kernel="stapes_nn_batch_matmul",
            form="stapes_nn_batch_matmul(&{name}, {in0}, {in1}, {out});",
            inputs=(node.number(0), node.number(1)),
            output=node.operator.outputs[0],
            struct="stapes_nn_batch_matmul_layer",
            fields={
                "batches": pad_axes(merged, 3, 1),
                "a_batch": pad_axes(a_batch, 3, 0),
                "b_batch": pad_axes(b_batch, 3, 0),
                "rows": rows,
                "columns": columns,
                "depth": depth,
                "a_row": a_row,
                "a_step": a_step,
                "b_column": b_column,
                "b_step": b_step,
                **_rounding(node, depth),
            },
            overlap=(None, None),
            macs=node.output().count * depth,
        )
    ]


def _matrix(shape: tuple[int, ...], transposed: bool) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the rows and columns of the last two axes, and the strides from one to the next."""
    tall, wide = shape[-2:]
    return ((wide, tall), (1, wide)) if transposed else ((tall, wide), (wide, 1))


def _rounding(node: Node, depth: int) -> dict[str, int]:
    (scale_a, zero_a), (scale_b, zero_b), (scale_out, zero_out) = (
        node.scale(tensor) for tensor in (node.tensor(0), node.tensor(1), node.output())
    )
    reach = depth * (128 + abs(zero_a)) * (128 + abs(zero_b))
    if reach >= 1 << 31:
        node.refuse(f"sums up to {reach}", f"sums below {1 << 31}")
    factor = float(scale_a) * float(scale_b) / float(scale_out)
    multiplier, shift = checked_multiplier(node, "the matrix", factor, reach)
    return {"a_zero": zero_a, "b_zero": zero_b, "out_zero": zero_out, "multiplier": multiplier, "shift": shift}
