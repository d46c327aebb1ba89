"""What ARG_MAX and ARG_MIN share."""

from math import prod

from stapes.convert.lower.layers._shared.parts import checked_axis
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Call, Operation
from stapes.firmware_sim.tflite.schema import DTYPES, Option

POSITION_OPTIONS = {"output_type": Option(0, "b")}


def lower_position(node: Node, greatest: bool) -> list[Operation]:
    """Check one operator and return the call that finds the first of the greatest, or least, codes of an axis."""
    node.expect((2,))
    node.scale(node.tensor(0))
    shape, output = node.tensor(0).shape, node.output()
    axis = checked_axis(node, 1, 0)
    node.expect_shape((*shape[:axis], *shape[axis + 1 :]))
    if output.dtype not in ("int32", "int64") or DTYPES.index(output.dtype) != node.option("output_type"):
        node.refuse(f"an output of {output.dtype}", "int32 or int64, as the operator's options say")
    return [
        Call(
            name=node.name,
            kernel="stapes_nn_position",
            form="stapes_nn_position(&{name}, {in0}, {out});",
            inputs=(node.number(0),),
            output=node.operator.outputs[0],
            struct="stapes_nn_position_layer",
            fields={
                "outer": prod(shape[:axis]),
                "size": shape[axis],
                "inner": prod(shape[axis + 1 :]),
                "greatest": int(greatest),
                "width": output.width,
            },
            overlap=(None,),
            note=f"of {shape[axis]}",
        )
    ]
