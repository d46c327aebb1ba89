"""RESIZE_BILINEAR of rows and columns, NHWC, int8.

LiteRT computes positions with 10 fractional bits, from a step that is rounded to 10 bits, too; the sum of four
products is rounded once, halves away from zero. Input and output are not rescaled.
"""

from stapes.convert.lower.layers._shared.convolution import sixteen_bits
from stapes.convert.lower.layers._shared.resize import resized
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Call, Operation
from stapes.firmware_sim.tflite.schema import Option

OPTIONS = {"align_corners": Option(2, "?"), "half_pixel_centers": Option(3, "?")}
ONE = 1 << 10  # a position


def lower(node: Node) -> list[Operation]:
    """Check one RESIZE_BILINEAR and return its kernel call."""
    sizes = resized(node)
    batches, height, width, channels = node.tensor(0).shape
    node.scale(node.tensor(0))
    node.scale(node.output())
    (row_step, row_start), (column_step, column_start) = (
        _positions(node, *pair) for pair in zip((height, width), sizes, strict=True)
    )
    geometry = {
        "batches": batches,
        "in_height": height,
        "in_width": width,
        "channels": channels,
        "out_height": sizes[0],
        "out_width": sizes[1],
    }
    return [
        Call(
            name=node.name,
            kernel="stapes_nn_resize_bilinear",
            form="stapes_nn_resize_bilinear(&{name}, {in0}, {out});",
            inputs=(node.number(0),),
            output=node.operator.outputs[0],
            struct="stapes_nn_resize_bilinear_layer",
            fields={
                **sixteen_bits(node, geometry),
                "row_start": row_start,
                "row_step": row_step,
                "column_start": column_start,
                "column_step": column_step,
            },
            overlap=(None,),
        )
    ]


def _positions(node: Node, given: int, wanted: int) -> tuple[int, int]:
    """Return the distance of the positions along an axis and the first of them; refuses those outside of the input."""
    less = int(node.option("align_corners") and wanted > 1)
    step = (ONE * (given - less) + (wanted - less) // 2) // (wanted - less)
    start = step // 2 - ONE // 2 if node.option("half_pixel_centers") else 0
    last = start + (wanted - 1) * step
    if last // ONE > given - 1:
        node.refuse(f"{wanted} positions from {given}, the last of which is {last / ONE}", f"up to {given - 1}")
    return step, start
