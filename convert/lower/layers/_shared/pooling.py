"""What AVERAGE_POOL_2D and MAX_POOL_2D share: geometry, padding, how the output may overlap the input."""

from stapes.convert.lower.layers._shared.convolution import overlap, sixteen_bits, window
from stapes.convert.lower.layers._shared.int16 import expect_symmetric
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
    wide = node.tensor(0).dtype == "int16"
    if wide:
        expect_symmetric(node, node.tensor(0), node.output())
        if rows.kernel * columns.kernel >= 1 << 15:
            node.refuse(f"windows of {rows.kernel * columns.kernel} taps of int16", "fewer than 32768")
    else:
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
            kernel="stapes_nn_pool_16" if wide else kernel,
            form=("stapes_nn_pool_16" if wide else kernel) + "(&{name}, {in0}, {out});",
            inputs=(node.number(0),),
            output=node.operator.outputs[0],
            struct="stapes_nn_pool_16_layer" if wide else "stapes_nn_pool_layer",
            fields={
                **sixteen_bits(node, geometry),
                "out_min": low,
                "out_max": high,
                **({"averages": int(kernel == "stapes_nn_average_pool")} if wide else {}),
            },
            overlap=(None if wide else overlap(rows, columns, (shape[3],) * 2, shape[0], [Tile(1, rereads=True)]),),
            note=f"{rows.kernel}x{columns.kernel}",
        )
    ]
