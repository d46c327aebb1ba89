"""QUANTIZE from float32 and DEQUANTIZE to it, where a model keeps float32 at its border."""

import numpy as np

from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Call
from stapes.firmware_sim.tflite.graph import Tensor


def real_values_call(node: Node, kernel: str, codes: Tensor) -> Call:
    """Return the call of a kernel between float32 and `codes`, the operator's input or output that is quantized."""
    scale, zero_point = node.scale(codes, ("int8", "uint8"))
    node.expect_shape(node.tensor(0).shape)
    limits = np.iinfo(codes.dtype)
    return Call(
        name=node.name,
        kernel=kernel,
        form=f"{kernel}(&{{name}}, {{in0}}, {{out}});",
        inputs=(node.number(0),),
        output=node.operator.outputs[0],
        struct="stapes_nn_real_layer",
        fields={
            "count": codes.count,
            "scale": scale,
            "zero_point": zero_point,
            "low": int(limits.min),
            "high": int(limits.max),
        },
        overlap=(None,),
    )
