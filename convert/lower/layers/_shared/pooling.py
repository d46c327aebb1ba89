"""What AVERAGE_POOL_2D and MAX_POOL_2D share: geometry, padding, how the output may overlap the input."""

from stapes.convert.lower.layers._shared.convolution import overlap, sixteen_bits, window
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Call, Operation
from stapes.convert.lower.packing import Tile
from stapes.firmware_sim.tflite.schema import Option

POOL_OPTIONS = {
    "padding": Option(0, "b"),
    "stride_width": Option(1, "i"),
    "stride_height": Option(2, "i"),
    "kernel_width": Option(3, "i"),
    "kernel_height": Option(4, "i"),
    "activation": Option(5, "b"),
}


def lower_pool(node: Node, kernel: str) -> list[Operation]:
    """Check one pooling operator and return the call of the kernel."""
    node.expect((1,))
    shape = node.tensor(0).shape
    if len(shape) != 4:
        node.refuse(f"input {list(shape)}", "four axes")
    rows, columns = window(node, 1, node.option("kernel_height")), window(node, 2, node.option("kernel_width"))
    node.expect_shape((shape[0], rows.out, columns.out, shape[3]))
    node.scale(node.tensor(0))
    low, high = node.clamp_range()
    geometry = {
        "batches": shape[0],
        "in_height": rows.size,
        "in_width": columns.size,
        "channels": shape[3],
        "out_height": rows.out,
        "out_width": columns.out,
        "kernel_height": rows.kernel,
        "kernel_width": columns.kernel,
        "stride_height": rows.stride,
        "stride_width": columns.stride,
        "pad_top": rows.before,
        "pad_left": columns.before,
    }
    return [
        Call(
            name=node.name,
            kernel=kernel,
            form=kernel + "(&{name}, {in0}, {out});",
            inputs=(node.number(0),),
            output=node.operator.outputs[0],
            struct="stapes_nn_pool_layer",
            fields={
                **sixteen_bits(node, geometry),
                "out_min": low,
                "out_max": high,
            },
            overlap=(overlap(rows, columns, (shape[3], shape[3]), shape[0], [Tile(1, rereads=True)]),),
            note=f"{rows.kernel}x{columns.kernel}",
        )
    ]
