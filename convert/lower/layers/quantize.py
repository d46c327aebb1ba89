"""QUANTIZE between int8 and uint8 or int16, from int16 to int32, and from float32: an input, or what codes become.

LiteRT rounds twice with s_in / s_out, formed in double. From float32 it divides by the scale in float32 and rounds
halves away from zero. The generated C looks up what depends on a code alone in a table.
"""

import numpy as np

from stapes.convert.lower.arithmetic import quantize_multiplier, round_twice
from stapes.convert.lower.layers._shared.int16 import rescale_16
from stapes.convert.lower.layers._shared.lookup import lower_lookup
from stapes.convert.lower.layers._shared.real_values import real_values_call
from stapes.convert.lower.node import Node
from stapes.convert.lower.operations import Call, Operation
from stapes.convert.lower.real_functions import REAL_FUNCTIONS


def lower(node: Node) -> list[Operation]:
    """Check one QUANTIZE and return its lookup, or the call of its kernel."""
    node.expect((1,))
    if node.operator.by_way_of_real is not None:
        return _by_way_of_real(node, node.operator.by_way_of_real)
    if node.tensor(0).dtype == "float32":
        if node.number(0) not in node.graph.inputs:
            node.refuse(f"tensor {node.tensor(0).name} is float32", "float32 as an input or output of the model")
        return [real_values_call(node, "stapes_nn_quantize", node.output())]
    if node.output().dtype == "int32":
        return [_to_int32(node)]
    if "int16" in (node.tensor(0).dtype, node.output().dtype):
        scales = [node.scale(tensor, ("int8", "int16"))[0] for tensor in (node.tensor(0), node.output())]
        return rescale_16(node, float(scales[0]) / float(scales[1]))
    scale_in, zero_in = node.scale(node.tensor(0), ("int8", "uint8"))
    scale_out, zero_out = node.scale(node.output(), ("int8", "uint8"))
    multiplier, shift = quantize_multiplier(float(scale_in) / float(scale_out))
    if shift > 21:
        node.refuse(f"scales {scale_in} into {scale_out}", "factors below 2^21")
    return lower_lookup(node, lambda q: round_twice(q - zero_in, multiplier, shift) + zero_out)


def _to_int32(node: Node) -> Call:
    """Return the call of the kernel from int16 to int32, whose zero point is 0."""
    node.expect_shape(node.tensor(0).shape)
    (scale_in, zero_in), (scale_out, _) = node.scale(node.tensor(0), ("int16",)), node.scale(node.output(), ("int32",))
    multiplier, shift = quantize_multiplier(float(scale_in) / float(scale_out))
    if shift > 14:
        node.refuse(f"scales {scale_in} into {scale_out}", "factors below 2^14")
    return Call(
        name=node.name,
        kernel="stapes_nn_rescale_32",
        form="stapes_nn_rescale_32(&{name}, {in0}, {out});",
        inputs=(node.number(0),),
        output=node.operator.outputs[0],
        struct="stapes_nn_rescale_32_layer",
        fields={"count": node.tensor(0).count, "multiplier": multiplier, "shift": shift, "zero_in": zero_in},
        overlap=(None,),
    )


def _by_way_of_real(node: Node, functions: tuple[str, ...]) -> list[Operation]:
    """Return the lookup of codes whose real values go through functions before they are quantized."""
    is_bool = node.tensor(0).dtype == "bool"
    scale_in, zero_in = (np.float32(1), 0) if is_bool else node.scale(node.tensor(0), ("int8", "uint8"))
    scale_out, zero_out = node.scale(node.output(), ("int8", "uint8"))

    def code(q: int) -> int:
        real = np.float32(q != 0) if is_bool else scale_in * np.float32(q - zero_in)
        for name in functions:
            real = np.float32(REAL_FUNCTIONS[name](real))
        quotient = float(real / scale_out)
        if not abs(quotient) < 1 << 30:  # LiteRT converts it to int32
            steps = ", ".join(("DEQUANTIZE", *functions))
            node.refuse(f"{steps} of code {q} gives {real}, with output scale {scale_out}", "finite values below 2^30")
        return int(np.copysign(np.floor(abs(quotient) + 0.5), quotient)) + zero_out

    return lower_lookup(node, code)
